"""Secrets reach the call that names them, and nothing that is stored, logged or answered."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lib import calls, store
from lib.config import settings
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.calls.server import Received, answer, json_answer, serve
from tests.documents import document
from tests.history import sql

pytestmark = pytest.mark.anyio

KEY = 'hu"sh-s3same'
LOGIN = {"username": "ann", "password": "0pen-pässword"}
USED = {"secrets": ["key", "login"]}


@pytest.fixture
async def secrets(start, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """One secret in the common variable, one in its own, and one that no document declares."""
    monkeypatch.setenv("WORKFLOW_SECRETS", json.dumps({"key": KEY, "other": "never-declared"}))
    monkeypatch.setenv("WORKFLOW_SECRET_LOGIN", json.dumps(LOGIN))
    settings.cache_clear()
    yield
    await calls.close()


def post(url: str, **body: Any) -> dict[str, Any]:
    endpoint = {"uri": url, "authentication": {"basic": {"use": "login"}}}
    return {"call": "http", "with": {"method": "post", "endpoint": endpoint, "body": body}}


async def everything_stored() -> str:
    """Every row of every table, as text."""
    tables = await sql("select table_name from information_schema.tables where table_schema = 'ratchet'")
    rows = [await sql(f"select t::text from ratchet.{name} t") for (name,) in tables]
    return "\n".join(text for table in rows for (text,) in table)


def assert_hidden(text: str) -> None:
    pair = base64.b64encode("ann:0pen-pässword".encode()).decode()
    for secret in ("s3same", "0pen-p", "never-declared", pair):
        assert secret not in text


@pytest.mark.parametrize("input", [{}, {"input": {"from": {"key": "${ $secrets.key }"}}}], ids=["body", "input"])
@pytest.mark.parametrize("status", [200, 500])
async def test_are_sent_and_never_stored_or_logged(start, secrets, reactor: Reactor, capsys, status: int, input: Any):
    def reply(request: Received) -> bytes:
        if status == 200:
            return json_answer('{"ok": true}')
        return answer(status, f"{request.headers['authorization']} {request.body.decode()} ann:{LOGIN['password']}")

    async with serve(reply) as server:
        send = post(server.url, key="${ .key }" if input else "${ $secrets.key }") | input
        run_id = await start(document([{"send": send}], use=USED))
        await sweep_all(reactor, None)
    sent = server.received[0]
    assert json.loads(sent.body) == {"key": KEY}
    assert base64.b64decode(sent.headers["authorization"][6:]).decode() == "ann:0pen-pässword"
    run = await store.get_run(run_id)
    assert run.status == ("completed" if status == 200 else "failed")
    if status == 500:
        assert "[redacted]" in run.error["detail"]
    assert_hidden(await everything_stored())
    assert_hidden(capsys.readouterr().out)


@pytest.mark.parametrize("expression", ["$secrets.key | tonumber", "$secrets.login | error", "$secrets.key | .a"])
async def test_are_not_in_what_an_expression_complains_about(start, secrets, reactor: Reactor, capsys, expression):
    run_id = await start(document([{"send": post("http://127.0.0.1:9", key=f"${{ {expression} }}")}], use=USED))
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).error["type"].endswith("/expression")
    assert_hidden(await everything_stored())
    assert_hidden(capsys.readouterr().out)


async def test_that_a_document_declares_and_nobody_set_are_forbidden(start, secrets, reactor: Reactor):
    run_id = await start(
        document([{"send": post("http://127.0.0.1:9", a="${ $secrets.gone }")}], use={"secrets": ["gone", "login"]})
    )
    await sweep_all(reactor, None)
    error = (await store.get_run(run_id)).error
    assert (error["status"], error["type"].rpartition("/")[2]) == (403, "authorization")
    assert "'gone'" in error["detail"]


async def test_a_call_may_keep_with_what_it_has_authenticated(start, secrets, reactor: Reactor):
    task = post("", a=1)
    async with serve(lambda _: json_answer("1")) as server:
        task["with"]["endpoint"]["uri"] = server.url
        task["output"] = {"as": "${ $authorization.scheme }"}
        run_id = await start(document([{"send": task}], use=USED))
        await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).result == "Basic"


async def test_are_struck_out_of_what_a_broken_call_says(start, secrets, reactor: Reactor, capsys, monkeypatch):
    async def run(function: str, arguments: Any, context: calls.CallContext) -> None:
        raise RuntimeError(f"cannot use {arguments['body']}")

    monkeypatch.setattr(calls, "run", run)
    run_id = await start(document([{"send": post("http://x", key="${ $secrets.key }")}], use=USED))
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "failed"
    logged = capsys.readouterr().out
    assert "call.bug" in logged
    assert_hidden(await everything_stored())
    assert_hidden(logged)
