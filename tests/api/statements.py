"""Statements as tests send them to POST /db/query, and the table that they change."""

from typing import Any

from tests.api.client import Client
from tests.call import Answer
from tests.history import sql

RAISE = "update stations set slots = slots + 1 where city = $1"


async def ask(tool: Client, text: str, *params: Any, key: str = "", **body: Any) -> Answer:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return await tool("POST", "/db/query", json={"sql": text, "params": list(params), **body}, headers=headers)


async def rows(tool: Client, text: str, *params: Any, **body: Any) -> list[list[Any]]:
    found = await ask(tool, text, *params, **body)
    assert found.status == 200, found.body
    return list(found.json()["rows"])


async def try_out(tool: Client, text: str, *params: Any, **body: Any) -> dict[str, Any]:
    found = await ask(tool, text, *params, **body)
    assert found.status == 200, found.body
    return dict(found.json())


async def confirm(tool: Client, token: str, text: str, *params: Any, **body: Any) -> Answer:
    return await ask(tool, text, *params, dry_run=False, confirm=token, **body)


async def slots() -> list[int]:
    return [slots for (slots,) in await sql("select slots from rental.stations where city = 'Ghent' order by 1")]


def code(found: Answer) -> tuple[int, str | None]:
    return found.status, found.json().get("code")
