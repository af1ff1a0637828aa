"""The contract's conventions, on every route there is."""

import json
import re
from typing import Any
from uuid import UUID

import pytest

from lib.http.request import MAX_BODY_BYTES
from tests.api.client import Client, load_apps
from tests.api.conftest import Publish, StartRun
from tests.conftest import Configure

pytestmark = pytest.mark.anyio

ROUTES = [(route.method, route.pattern) for app in load_apps().values() for route in app.routes]
KEYED = [route for route in ROUTES if route[1] not in ("/sweep", "/health")]
WITH_BODY = [
    ("POST", "/workflows"),
    ("PUT", "/workflows/{id}"),
    ("POST", "/workflows/{id}/runs"),
    ("POST", "/db/query"),
]
ID = "00000000-0000-7000-8000-000000000001"
SCOPES = [
    "workflows:read",
    "workflows:write",
    "runs:read",
    "runs:write",
    "events:write",
    "db:read",
    "db:write",
    "db:audit",
]
# Until there are logins, until the query names a collection.
WITHOUT_MORE = {"/db/schema": 501, "/db/documents": 400}
# Where a statement decides which scope it needs, where another scope shows more, and a POST that changes nothing.
SCOPES_OF = {
    "/db/query": ["db:read", "db:write"],
    "/db/queries": ["db:read", "db:audit"],
    "/db/ask": ["db:read"],
}


async def test_ids_are_uuid_7_and_times_rfc_3339_in_utc(api: Client, start: StartRun) -> None:
    run = await start()
    await api("POST", "/sweep")
    run = (await api("GET", f"/runs/{run['id']}")).json()
    workflow = (await api("GET", "/workflows/test")).json()
    for row in (run, workflow):
        assert UUID(row["id"]).version == 7
        for name in [name for name in row if name.endswith("_at")]:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[name])


async def test_every_path_works_bare_and_under_api(api: Client) -> None:
    for method, pattern in ROUTES:
        for path in (pattern.format(id=ID), "/api" + pattern.format(id=ID)):
            found = await api(method, path)
            assert found.status != 405, path
            assert found.status != 404 or "{id}" in pattern, path
            assert found.status < 400 or found.json()["instance"] == path


async def test_every_route_asks_for_a_key_where_there_are_some(api: Client, configure: Configure) -> None:
    configure(RATCHET_API_KEYS="the-key")
    for method, pattern in KEYED:
        path = pattern.format(id=ID)
        refused = await api(method, path)
        assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="ratchet"'), pattern
        allowed = await api(method, path, headers={"authorization": "Bearer the-key"})
        assert allowed.status not in (401, 403), pattern


async def test_every_route_asks_for_its_scope(api: Client, configure: Configure) -> None:
    configure(RATCHET_API_KEYS=json.dumps({scope: [scope] for scope in SCOPES}))
    headers = [{"authorization": f"Bearer {scope}"} for scope in SCOPES]
    for method, pattern in KEYED:
        answers = [await api(method, pattern.format(id=ID), headers=sent) for sent in headers]
        allowed = [scope for scope, found in zip(SCOPES, answers, strict=True) if found.status != 403]
        room = next(room for room in ("db", "runs", "workflows", "events") if f"/{room}" in pattern)
        expected = SCOPES_OF.get(pattern, [f"{room}:{'read' if method == 'GET' else 'write'}"])
        assert allowed == expected, pattern
        assert {found.json()["scope"] for found in answers if found.status == 403} == {expected[0]}


async def test_on_the_platform_without_keys_every_route_names_the_variable(api: Client, configure: Configure) -> None:
    configure(VERCEL="1")
    for method, pattern in ROUTES:
        refused = await api(method, pattern.format(id=ID))
        variable = "CRON_SECRET" if pattern == "/sweep" else "RATCHET_API_KEYS"
        assert (refused.status, variable in refused.json()["detail"]) == (503, True), pattern


async def test_a_wrong_verb_is_405_with_the_right_ones(api: Client) -> None:
    for pattern in {pattern for _, pattern in ROUTES}:
        path = pattern.format(id=ID)
        refused = await api("PATCH", path)
        assert refused.status == 405
        verbs = {method for method, other in ROUTES if other == pattern} | {"OPTIONS"}
        allow = set(refused.headers["allow"].split(", "))
        assert allow == verbs | ({"HEAD"} if "GET" in verbs else set()), pattern
        assert (await api("OPTIONS", path)).headers["allow"] == refused.headers["allow"]


async def test_an_unknown_path_is_a_404_problem(api: Client) -> None:
    for path in ("/", "/api", "/nope", "/runs/", f"/runs/{ID}/nope", "/workflows/a/b/c", "/api/run"):
        found = await api("GET", path)
        assert (found.status, found.headers["content-type"]) == (404, "application/problem+json"), path
        assert found.json().keys() == {"type", "title", "status", "detail", "instance"}


async def test_head_answers_as_get_does(api: Client, start: StartRun) -> None:
    run = await start()
    for pattern in {pattern for method, pattern in ROUTES if method == "GET"}:
        head = await api("HEAD", pattern.format(id="test" if "workflows" in pattern else run["id"]))
        assert (head.status, head.body) == (WITHOUT_MORE.get(pattern, 200), b""), pattern


@pytest.mark.parametrize(
    ("body", "content_type", "status", "says"),
    [
        (b'{"a": ', "application/json", 400, "line 1, column 7"),
        (b'{"a": NaN}', "application/json", 400, "line 1, column 7"),
        (b'{"a": 1, "a": 2}', "application/json", 400, "twice"),
        (b'"\xff"', "application/json", 400, "UTF-8"),
        (b"{}", "text/plain", 415, "application/json"),
        (b"{}", "application/x-www-form-urlencoded", 415, "application/json"),
        (b" " * (MAX_BODY_BYTES + 1), "application/json", 413, "4 MB"),
        (b'{"input":' + b"[" * 200 + b"]" * 200 + b"}", "application/json", 422, "128"),
        (b'{"input": 1e999}', "application/json", 422, "too large"),
        (b'{"input": "\\ud800"}', "application/json", 422, "surrogate"),
    ],
)
async def test_a_body_past_a_limit_is_refused_by_its_name(
    api: Client, publish: Publish, body: bytes, content_type: str, status: int, says: str
) -> None:
    await publish()
    for method, pattern in WITH_BODY:
        path = pattern.format(id="test")
        refused = await api(method, path, body=body, headers={"content-type": content_type})
        assert refused.status == status, pattern
        assert says in refused.json()["detail"]


async def test_a_rate_is_kept_and_told(api: Client, configure: Configure) -> None:
    configure(RATCHET_RATE_LIMIT="3/hour")
    answers: list[Any] = [await api("GET", path) for path in ("/runs", "/workflows", "/runs", "/workflows")]
    assert [found.status for found in answers] == [200, 200, 200, 429]
    assert all(found.headers["ratelimit-policy"] == '"default";q=3;w=3600' for found in answers)
    assert [found.headers["ratelimit"].split(";")[1] for found in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert int(answers[3].headers["retry-after"]) > 1000


async def test_every_answer_tells_its_time_and_its_request(api: Client) -> None:
    for method, pattern in ROUTES:
        found = await api(method, pattern.format(id=ID), headers={"x-vercel-id": "fra1::abc"})
        timing = found.headers["server-timing"]
        assert re.search(r"auth;dur=[\d.]+, db;dur=[\d.]+, total;dur=[\d.]+$", timing), pattern
        assert found.headers["x-request-id"] == "fra1::abc"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert "no-store" in found.headers["cache-control"]
