"""The log of `make dev`: what happens is shown, that nothing has happened is not."""

import io
import json
from typing import Any

import pytest

from lib.dev.terminal import Terminal
from tests.api.client import Client
from tests.conftest import Configure
from tests.documents import document

pytestmark = pytest.mark.anyio


def show(lines: str) -> str:
    """What a terminal makes of these lines."""
    stream = io.StringIO()
    for line in lines.splitlines():
        Terminal(stream).log("sweep", line)
    return stream.getvalue()


async def test_a_cron_shows_that_it_has_found_something_and_not_that_it_has_found_nothing(
    database: str, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(RATCHET_AFTER_RESPONSE="off")
    api = Client()
    await api("GET", "/sweep")
    said = capsys.readouterr().out
    assert [json.loads(line)["event"] for line in said.splitlines()] == ["sweep", "request"]
    assert show(said) == ""
    await api("POST", "/workflows", json=document([{"a": {"set": {"x": 1}}}]))
    await api("POST", "/workflows/test/runs", json={})
    capsys.readouterr()
    await api("GET", "/sweep")
    sweep, request = show(capsys.readouterr().out).splitlines()
    assert "claimed=1" in sweep
    assert "GET /sweep 200" in request


IDLE: dict[str, Any] = {"event": "sweep", "claimed": 0, "backlog": 0, "ended": "drained"}
ASKED: dict[str, Any] = {"event": "request", "method": "GET", "route": "/sweep", "status": 200, "claimed": 0, "ms": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {**IDLE, "backlog": 3},
        {**IDLE, "ended": "deadline"},
        {**ASKED, "status": 503},
        {**ASKED, "method": "POST"},
        {**ASKED, "route": "/runs"},
    ],
)
def test_what_somebody_should_see_is_shown(fields: dict[str, Any]) -> None:
    assert show(json.dumps(fields))


@pytest.mark.parametrize("line", ["plain text", "[1]", '"text"', "null", "{}", '{"claimed": 0}'])
def test_what_is_not_ours_is_shown_as_it_is(line: str) -> None:
    assert show(line).endswith(f"{line}\n")
