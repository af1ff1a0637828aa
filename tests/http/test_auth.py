"""Who may call what, and what a caller without the right key hears."""

import json
from typing import Any

import pytest

from lib.http import App, Request, Response, Route, answer, anyone, cron, needs, stream_reader
from lib.http.tokens import write_stream_url
from tests.call import Answer, call
from tests.conftest import Configure

pytestmark = pytest.mark.anyio

RUN = "00000000-0000-7000-8000-000000000001"
KEYS = json.dumps({"all": ["runs:read", "runs:write"], "reader": ["runs:read"], "none": []})


async def show_caller(request: Request) -> Response:
    return answer(sorted(request.caller.scopes))


async def show_link(request: Request) -> Response:
    return answer(write_stream_url(request.run_id, request.caller))


APP = App(
    Route("GET", "/read", show_caller, needs("runs:read")),
    Route("POST", "/write", show_caller, needs("runs:write")),
    Route("GET", "/runs/{id}", show_link, needs("runs:read")),
    Route("GET", "/runs/{id}/stream", show_caller, stream_reader),
    Route("POST", "/sweep", show_caller, cron),
    Route("GET", "/health", show_caller, anyone),
)


async def ask(method: str, path: str, authorization: str | None = None) -> Answer:
    headers = {"authorization": authorization} if authorization is not None else {}
    return await call(APP, method, path, headers=headers)


async def test_a_laptop_without_keys_is_open(configure: Configure) -> None:
    for method, path in [("GET", "/read"), ("POST", "/write"), ("POST", "/sweep"), ("GET", "/health")]:
        assert (await ask(method, path)).status == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/read"), ("POST", "/write"), ("GET", "/health"), ("GET", f"/runs/{RUN}/stream")]
)
async def test_on_the_platform_without_keys_names_the_variable(configure: Configure, method: str, path: str) -> None:
    configure(VERCEL="1")
    refused = await ask(method, path)
    assert refused.status == 503
    assert "RATCHET_API_KEYS" in refused.json()["detail"]


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Bearer al", "Basic all", "all", "Bearer ä"])
async def test_without_a_known_key_it_is_401_with_a_challenge(configure: Configure, authorization: str | None) -> None:
    configure(RATCHET_API_KEYS=KEYS)
    refused = await ask("GET", "/read", authorization)
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="ratchet"'


async def test_a_key_may_do_what_its_scopes_say(configure: Configure) -> None:
    configure(RATCHET_API_KEYS=KEYS)
    assert (await ask("POST", "/write", "Bearer all")).status == 200
    assert (await ask("GET", "/read", "bearer  reader")).status == 200
    refused = await ask("POST", "/write", "Bearer reader")
    assert refused.status == 403
    assert refused.json()["scope"] == "runs:write"
    assert "insufficient_scope" in refused.headers["www-authenticate"]


async def test_one_bare_key_may_do_everything(configure: Configure) -> None:
    configure(RATCHET_API_KEYS="just-this")
    assert (await ask("POST", "/write", "Bearer just-this")).status == 200


async def test_keys_are_neither_logged_nor_repeated(configure: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    configure(RATCHET_API_KEYS=json.dumps({"configured-secret": ["runs:read"]}))
    answers = [await ask("GET", "/read", f"Bearer {key}") for key in ("configured-secret", "guessed-secret")]
    answers.append(await ask("POST", "/write", "Bearer configured-secret"))
    text = capsys.readouterr().out + "".join(f"{found.headers}{found.body!r}" for found in answers)
    assert "secret" not in text


async def test_the_cron_secret_opens_the_sweep_alone(configure: Configure) -> None:
    configure(CRON_SECRET="tick", RATCHET_API_KEYS=KEYS, VERCEL="1")
    assert (await ask("POST", "/sweep", "Bearer tick")).status == 200
    assert (await ask("GET", "/read", "Bearer tick")).status == 401
    for wrong in (None, "Bearer", "Bearer all", "Bearer tic", "Bearer tickk"):
        assert (await ask("POST", "/sweep", wrong)).status == 401


@pytest.mark.parametrize("secret", ["", "  "])
async def test_an_empty_cron_secret_opens_nothing_on_the_platform(configure: Configure, secret: str) -> None:
    configure(CRON_SECRET=secret, RATCHET_API_KEYS=KEYS, VERCEL="1")
    for authorization in (None, "Bearer ", "Bearer all"):
        refused = await ask("POST", "/sweep", authorization)
        assert refused.status == 503
        assert "CRON_SECRET" in refused.json()["detail"]


async def read_link(key: str) -> str:
    return str((await ask("GET", f"/runs/{RUN}", f"Bearer {key}")).json())


async def test_a_token_opens_its_stream_without_a_header(configure: Configure) -> None:
    configure(RATCHET_API_KEYS=KEYS)
    link = await read_link("reader")
    assert (await ask("GET", link)).status == 200
    assert (await ask("GET", link.replace(RUN[-4:], "0002"))).status == 401
    assert (await ask("GET", link[:-1])).status == 401
    assert (await ask("GET", f"/runs/{RUN}/stream")).status == 401
    assert (await ask("GET", f"/runs/{RUN}/stream", "Bearer reader")).status == 200


async def test_a_token_ends_with_the_scope_of_its_key(configure: Configure) -> None:
    configure(RATCHET_API_KEYS=KEYS)
    link = await read_link("reader")
    configure(RATCHET_API_KEYS=json.dumps({"reader": ["workflows:read"]}))
    assert (await ask("GET", link)).status == 403


@pytest.mark.parametrize(("path", "limited"), [("/read", True), ("/sweep", False), ("/health", False)])
async def test_sweep_and_health_have_no_rate(configure: Configure, path: str, limited: bool) -> None:
    configure(RATCHET_RATE_LIMIT="2/min")
    method = "POST" if path == "/sweep" else "GET"
    answers = [await ask(method, path) for _ in range(3)]
    assert [found.status for found in answers] == [200, 200, 429 if limited else 200]


async def test_tells_where_a_caller_stands(configure: Configure) -> None:
    configure(RATCHET_RATE_LIMIT="2/min", RATCHET_API_KEYS=KEYS)
    answers = [await ask("GET", "/read", "Bearer all") for _ in range(3)]
    assert [found.headers["ratelimit"].split(";t=")[0] for found in answers] == [
        '"default";r=1',
        '"default";r=0',
        '"default";r=0',
    ]
    refused: Any = answers[2]
    assert refused.headers["ratelimit-policy"] == '"default";q=2;w=60'
    assert refused.headers["retry-after"] == "30"
    assert refused.headers["ratelimit"].endswith(";t=30")
    assert (await ask("GET", "/read", "Bearer reader")).status == 200


async def test_guessing_keys_is_limited_too(configure: Configure) -> None:
    configure(RATCHET_RATE_LIMIT="2/min", RATCHET_API_KEYS=KEYS)
    answers = [await ask("GET", "/read", f"Bearer guess-{number}") for number in range(3)]
    assert [found.status for found in answers] == [401, 401, 429]


async def test_a_setting_that_cannot_be_read_is_named(configure: Configure) -> None:
    configure(RATCHET_API_KEYS="{")
    refused = await ask("GET", "/read", "Bearer x")
    assert refused.status == 503
    assert "RATCHET_API_KEYS" in refused.json()["detail"]
