"""What the corpus of hostile and ordinary statements does to a real database, with the logins of our own setup.

Once through the whole tool, and once past the guard, to see what the database's walls stop by themselves.
"""

import asyncio
import dataclasses
import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lib import db
from lib.dbtool import logins
from lib.dbtool.catalog import read_catalog
from lib.dbtool.dry_run import dry_run
from lib.dbtool.guard import Statement, judge
from lib.dbtool.reading import read
from lib.dbtool.setup import set_up
from lib.dbtool.walls import Wishes
from lib.dbtool.wire import cells, run
from lib.dev.postgres import Server
from lib.errors import QueryFailed, QueryRefused, RatchetError
from tests.conftest import Configure
from tests.dbtool.state import state_hash

pytestmark = pytest.mark.anyio

CORPUS = Path(__file__).parents[2].parent / "shared" / "sqlguard"
READER, WRITER, PASSWORD = "corpus_reader", "corpus_writer", "c"
WISHES = Wishes(read_role=READER, write_role=WRITER, schemas=("app",))
SECONDS = 2.0
MOST_ROWS = 1000
DENIED = "42501"

if not CORPUS.is_dir():
    pytest.skip("not run: the corpus of statements is not beside the project", allow_module_level=True)

CASES: list[dict[str, Any]] = [json.loads(line) for line in (CORPUS / "shared_corpus.jsonl").read_text().splitlines()]
HOSTILE = [case for case in CASES if case["expect"] == "reject"]
BENIGN = [case for case in CASES if case["id"].startswith("b-")]
LIVE = [case for case in HOSTILE if case.get("live")]


@dataclass
class Clone:
    """A copy of the corpus's database with the logins; `owner` looks at it from outside."""

    server: Server
    configure: Configure
    number: int = -1

    async def open(self) -> None:
        """Make a copy and point this process's settings at it."""
        self.number += 1
        self.name = f"corpus_{self.number}"
        self.url = self.server.create_database(self.name, template="corpus_template")
        self.owner = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
        await self.owner.execute(f"revoke temporary on database {self.name} from public".encode())
        await self.remember()
        self.configure(
            DATABASE_URL=self.url,
            DB_TOOL_READ_URL=make_conninfo(self.url, user=READER, password=PASSWORD),
            DB_TOOL_WRITE_URL=make_conninfo(self.url, user=WRITER, password=PASSWORD),
        )

    async def close(self) -> None:
        """Leave nothing of it."""
        await logins.close()
        await self.owner.close()
        self.server.drop_database(self.name)

    async def remember(self) -> None:
        """Take what is there as what it should be."""
        self.whole = await state_hash(self.owner)
        self.rows = await state_hash(self.owner, sequences=False)

    async def changed(self, *, sequences: bool = True) -> bool:
        """Whether something is not as it was; sequences may move where a write was tried and rolled back."""
        if sequences:
            return await state_hash(self.owner) != self.whole
        return await state_hash(self.owner, sequences=False) != self.rows


@pytest.fixture(scope="session")
def corpus_template(server: Server) -> Iterator[str]:
    """The name of a database with the corpus's schema and the logins' grants."""
    url = server.create_database("corpus_template")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute((CORPUS / "schema.sql").read_bytes())
    asyncio.run(set_up(url, WISHES, {READER: PASSWORD, WRITER: PASSWORD}))
    yield "corpus_template"
    server.drop_database("corpus_template")


@pytest.fixture
async def clone(server: Server, corpus_template: str, configure: Configure) -> AsyncIterator[Clone]:
    """A copy that this process's settings point at."""
    made = Clone(server, configure)
    await made.open()
    yield made
    await made.close()
    await db.close()


async def send(case: dict[str, Any]) -> tuple[str, Statement | None]:
    """The whole path of a statement that nobody confirms: the verdict, or `failed` with the database's SQLSTATE."""
    try:
        statement = judge(case["sql"], await read_catalog())
    except QueryRefused:
        return "reject", None
    try:
        if statement.kind == "read":
            await read(statement, [], max_rows=MOST_ROWS, seconds=SECONDS)
            return "read", statement
        await dry_run(statement, [], seconds=SECONDS)
    except QueryRefused:
        return "reject", statement
    except QueryFailed as failure:
        return f"failed {failure.extra.get('sqlstate')}", statement
    return "write-needs-confirm", statement


async def test_nothing_has_an_effect_and_nothing_hostile_is_accepted(clone: Clone) -> None:
    wrong: list[str] = []
    for case in CASES:
        verdict, statement = await send(case)
        if not is_right(case, verdict, statement):
            wrong.append(f"{case['id']}: {verdict}")
        if await clone.changed(sequences=statement is None or statement.kind == "read"):
            wrong.append(f"{case['id']}: {verdict}, and it changed the database")
            await clone.close()
            await clone.open()
        elif statement and statement.kind == "write":
            await clone.remember()
    assert wrong == []


def is_right(case: dict[str, Any], verdict: str, statement: Statement | None) -> bool:
    """Whether what came of a statement is what its line of the corpus asks for."""
    failed = verdict.startswith("failed")
    if case["id"].startswith("b-"):
        return verdict == case["expect"]
    if case.get("db_level") and statement:
        return verdict == f"failed {DENIED}"
    if case.get("server_rejects") and failed:
        return True
    accepted = {"read": "read", "write": "write-needs-confirm"}[statement.kind] if statement else "reject"
    return accepted in {case["expect"], *case.get("also_ok", ())}


async def test_ordinary_reads_answer_what_plain_postgres_answers(clone: Clone) -> None:
    catalog = await read_catalog()
    wrong = []
    reads = [case for case in BENIGN if case["expect"] == "read"]
    for case in reads:
        rows = await read(judge(case["sql"], catalog), [], max_rows=100_000, seconds=10)
        first, second = [await plain(clone, case["sql"], catalog.schemas) for _ in range(2)]
        assert rows.columns == first[0], case["id"]
        assert not rows.truncated, case["id"]
        if first == second:
            if rows.rows != first[1]:
                wrong.append((case["id"], case["sql"], rows.rows[:2], first[1][:2]))
        elif len(rows.rows) != len(first[1]):
            wrong.append((case["id"], case["sql"], len(rows.rows), len(first[1])))
    assert wrong == []


async def plain(clone: Clone, text: str, schemas: tuple[str, ...]) -> tuple[list[str], list[list[Any]]]:
    """Column names and rows of a statement as the client library reads them by itself, with the reader's login."""
    url = make_conninfo(clone.url, user=READER, password=PASSWORD)
    async with await psycopg.AsyncConnection.connect(url) as conn:
        await conn.execute(f"set search_path = {', '.join(schemas)}".encode())
        cursor = await conn.execute(text.encode())
        values = await cursor.fetchall()
        result = cursor.pgresult
        assert result
        texts = cells(result)
        names = [column.name for column in cursor.description or ()]
    return names, [
        [plainly(value, text) for value, text in zip(row, line, strict=True)]
        for row, line in zip(values, texts, strict=True)
    ]


def plainly(value: Any, text: str | None) -> Any:
    """A value as JSON has it; what JSON has no type for is the text that the server wrote."""
    if value is None or isinstance(value, bool | int | str | dict):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else text
    if isinstance(value, list):
        return [plainly(each, str(each)) for each in value]
    return text


@pytest.mark.parametrize(("harden", "least"), [(False, 177), (True, 203)], ids=["granted", "hardened"])
async def test_the_walls_alone_stop_most(clone: Clone, configure: Configure, harden: bool, least: int) -> None:
    """Statements as they were sent, no guard before them: the reader's READ ONLY transaction and its cursor."""
    if harden:
        await set_up(clone.url, dataclasses.replace(WISHES, harden=True))
        await clone.remember()
    schemas = (await read_catalog()).schemas
    ran: list[str] = []
    changed: list[str] = []
    for case in LIVE:
        if await runs(case["sql"], schemas):
            ran.append(case["id"])
        if await clone.changed():
            changed.append(case["id"])
            await clone.close()
            await clone.open()
    print(f"the walls alone stop {len(LIVE) - len(ran)} of {len(LIVE)} hostile statements; what runs is", kinds(ran))
    assert changed == []
    assert len(LIVE) - len(ran) >= least


def kinds(ids: Collection[str]) -> dict[str, int]:
    return dict(Counter(case["category"] for case in LIVE if case["id"] in ids).most_common())


async def runs(text: str, schemas: tuple[str, ...]) -> bool:
    """Whether the database runs it as a read to its end, or for a hundred rows."""
    try:
        async with logins.transaction("read", seconds=1, schemas=schemas) as conn:
            await run(conn, f"declare rows_of_nobody no scroll cursor for {text}")
            await run(conn, "fetch forward 100 from rows_of_nobody")
    except (RatchetError, psycopg.Error):
        return False
    return True
