"""Mutated statements against the lexer, PostgreSQL's own parser and, if the guard lets them pass, a real database.

By hand: python -m tests.dbtool.fuzz --seconds 600 --seed 7
"""

import argparse
import asyncio
import json
import os
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pgparse
import psycopg

from lib.dbtool import logins
from lib.dbtool.catalog import Catalog, read_catalog
from lib.dbtool.guard import Statement, judge
from lib.dbtool.lexer import Lexed, lex
from lib.dbtool.literals import plain_number
from lib.dev.postgres import Server
from lib.errors import QueryRefused
from tests.dbtool.mutations import statements
from tests.dbtool.seeds import STATEMENTS
from tests.dbtool.state import session_hash, state_hash

SHARED = Path(__file__).parents[3] / "shared" / "sqlguard"
SCHEMAS = [path for path in (Path(__file__).parent / "schema.sql", SHARED / "schema.sql") if path.exists()]
BATCH = 25  # statements between two looks at the database's state
MILLISECONDS = 200  # for one statement
PASSWORD = "none-but-us"

# May do whatever an application's own login may, so that the guard alone is what keeps the state. Only what no look at
# the statement can tell is taken away: twins of built-in functions by argument type, and calls inside a view.
LOGIN = f"""
create role fuzz_login login noinherit password '{PASSWORD}';
do $$
declare v_name text;
begin
  for v_name in select nspname from pg_namespace where oid >= 16384 and nspname !~ '^pg_' loop
    execute format('grant usage, create on schema %I to fuzz_login', v_name);
    execute format('grant all on all tables in schema %I to fuzz_login', v_name);
    execute format('grant all on all sequences in schema %I to fuzz_login', v_name);
    execute format('grant execute on all functions in schema %I to fuzz_login', v_name);
  end loop;
  for v_name in select p.oid::regprocedure from pg_proc p where p.pronamespace >= 16384 and exists (
    select from pg_proc twin where twin.proname = p.proname and twin.pronamespace = 'pg_catalog'::regnamespace) loop
    execute format('revoke execute on function %s from public, fuzz_login', v_name);
  end loop;
  for v_name in select r.ev_class::regclass from pg_rewrite r join pg_depend d on d.objid = r.oid
    where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_proc'::regclass and d.refobjid >= 16384 loop
    execute format('revoke all on %s from fuzz_login', v_name);
  end loop;
end $$;
"""

# What the functions that act leave in the ledger; the trigger of payments is allowed to.
MARKS = "select what from rental.ledger where what not like 'payment of %'"

_READ = re.compile(
    r"""--[^\r\n]* | /\* | [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "[^"]*"
      | \$(?P<tag>(?:[a-z]\w*)?)\$.*?\$(?P=tag)\$ | \w[\w$]* | .""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_PLACES = re.compile(r"(^|_)(location|len|start|end)$")


class Fault(AssertionError):
    """A property does not hold; the text says for which statement."""


def shared_seeds() -> list[str]:
    """The statements of the shared corpus; none where it is not at hand."""
    corpus = SHARED / "shared_corpus.jsonl"
    lines = corpus.read_text().splitlines() if corpus.exists() else []
    return [sql for line in lines if len(sql := json.loads(line)["sql"]) < 2_000]


# -------------------------------------------------------------------------------------------------------- the lexer


def without_comments(sql: str) -> str:
    """The statement with a blank for each comment: libpg_query itself stumbles over `not /**/ in` and `nulls --`."""
    parts: list[str] = []
    place = 0
    while place < len(sql):
        match = _READ.match(sql, place)
        if match is None:
            return "".join(parts) + sql[place:]
        begin, place = place, match.end()
        if match[0] == "/*":
            depth = 1
            while depth and place < len(sql):
                pair = sql[place : place + 2]
                depth += {"/*": 1, "*/": -1}.get(pair, 0)
                place += 2 if pair in ("/*", "*/") else 1
            if depth:
                return "".join(parts) + sql[begin:]
        parts.append(" " if match[0].startswith(("--", "/*")) else match[0])
    return "".join(parts)


def tree(sql: str) -> Any:
    """What PostgreSQL's own parser reads, without places and with each number in one spelling; None if it refuses."""
    try:
        return _bare(pgparse.parse(sql))
    except pgparse.PGQueryError:
        return None


def _bare(node: Any) -> Any:
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {"fval": plain_number(value["fval"], 1)} if key == "fval" and "fval" in value else _bare(value)
        for key, value in node.items()
        if not _PLACES.search(key)
    }


def check_lexer(sql: str) -> Lexed | None:
    """The lexer's reading of `sql`, held against PostgreSQL's; None if it refuses. Raises Fault where they differ."""
    try:
        lexed = lex(sql)
    except QueryRefused as refusal:
        if not 1 <= refusal.extra["position"] <= len(sql) + 1:
            raise Fault(f"position {refusal.extra['position']} of {refusal.extra['code']}: {sql!r}") from refusal
        return None
    if lex(lexed.text).text != lexed.text:
        raise Fault(f"the canonical text changes when it is read again: {sql!r}")
    if any(lexed.text[token.start :][: len(token.text)] != token.text for token in lexed.tokens):
        raise Fault(f"a token is not where it says: {sql!r}")
    if (seen := tree(lexed.text)) != (meant := tree(without_comments(sql))):
        raise Fault(f"PostgreSQL reads another statement: {sql!r} became {lexed.text!r}: {meant} became {seen}")
    return lexed


# ------------------------------------------------------------------------------------------------------ the database


@dataclass
class Tally:
    """What happened to how many statements."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_statement: str = ""

    def time(self, seconds: float, sql: str) -> None:
        """Keeps the slowest decision."""
        if seconds > self.slowest:
            self.slowest, self.slowest_statement = seconds, sql


class Target:
    """A database on which accepted reads are run by a login that could write, each committed."""

    def __init__(self, owner: psycopg.AsyncConnection[Any], login: psycopg.AsyncConnection[Any]) -> None:
        self._owner = owner
        self._login = login
        self._state = self._session = ""
        self._batch: list[str] = []

    @classmethod
    async def open(cls, owner_url: str) -> "Target":
        """Connects to a database that `prepare` has filled."""
        owner = await psycopg.AsyncConnection.connect(owner_url, autocommit=True)
        login = await psycopg.AsyncConnection.connect(login_url(owner_url), autocommit=True)
        await login.execute("set search_path = rental, app, public")
        await login.execute(f"set statement_timeout = {MILLISECONDS}")
        target = cls(owner, login)
        target._state, target._session = await target._look()
        return target

    async def close(self) -> None:
        """Ends both connections."""
        await self._owner.close()
        await self._login.close()

    async def run(self, sent: str, statement: Statement) -> bool:
        """Runs an accepted read; whether the database took it. Raises Fault if the state is no longer the same."""
        self._batch.append(sent)
        text = statement.text
        if statement.explain is not None:
            text = f"explain ({statement.explain}) {text}" if statement.explain else f"explain {text}"
        try:
            async with psycopg.AsyncRawCursor(self._login) as cursor:
                await cursor.execute(text.encode(), [None] * statement.parameters)
        except psycopg.Error:
            taken = False
        else:
            taken = True
        if len(self._batch) >= BATCH:
            await self.check()
        return taken

    async def try_write(self, sent: str, statement: Statement) -> bool:
        """Runs an accepted write and rolls it back; whether the database took it. Raises Fault if a function acted."""
        await self._login.execute("begin")
        try:
            async with psycopg.AsyncRawCursor(self._login) as cursor:
                await cursor.execute(statement.text.encode(), [None] * statement.parameters)
            marks = await (await self._login.execute(MARKS)).fetchall()
        except psycopg.Error:
            return False
        finally:
            await self._login.execute("rollback")
        if marks and "ledger" not in statement.text:
            raise Fault(f"a write has left {marks[:3]}: {sent!r}")
        return True

    async def check(self) -> None:
        """Raises Fault if one of the statements since the last look has changed anything."""
        batch, self._batch = self._batch, []
        if (self._state, self._session) != (now := await self._look()):
            self._state, self._session = now
            raise Fault("one of these changed the database or the session:\n" + "\n".join(map(repr, batch)))

    async def _look(self) -> tuple[str, str]:
        return await state_hash(self._owner, versions=True), await session_hash(self._login)


def login_url(owner_url: str) -> str:
    """The URL of the login that runs what the guard lets pass."""
    return psycopg.conninfo.make_conninfo(owner_url, user="fuzz_login", password=PASSWORD)


def variables(owner_url: str) -> dict[str, str]:
    """The settings with which the tool takes that login for its reader, although it may write."""
    return {"DB_TOOL_READ_URL": login_url(owner_url), "DB_TOOL_ALLOW_SUPERUSER": "on"}


async def prepare(owner_url: str) -> None:
    """Fills an empty database with the sample schema, the shared one where it is at hand, and the login."""
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as conn:
        for path in SCHEMAS:
            await conn.execute(path.read_bytes())
        await conn.execute("reset all")
        await conn.execute(LOGIN.encode())


async def fuzz(stream: Iterator[str], target: Target, catalog: Catalog, until: Callable[[int], bool]) -> Tally:
    """Takes statements from the stream until `until(how many)`; raises Fault at the first property that breaks."""
    tally = Tally()
    writes: list[tuple[str, Statement]] = []
    judge("select 1", catalog)  # the first one pays for the imports
    while not until(tally.counts["statements"]):
        sql = next(stream)
        tally.counts["statements"] += 1
        tally.counts["read by the lexer"] += check_lexer(sql) is not None
        begin = time.thread_time()
        try:
            statement = judge(sql, catalog)
        except QueryRefused:
            tally.time(time.thread_time() - begin, sql)
            continue
        tally.time(time.thread_time() - begin, sql)
        tally.counts[f"accepted as a {statement.kind}"] += 1
        if statement.kind == "read":
            tally.counts["run by the database"] += await target.run(sql, statement)
        else:
            writes.append((sql, statement))
    await target.check()
    for sql, statement in writes:  # last, for they leave row versions and numbers of sequences behind
        tally.counts["written by the database"] += await target.try_write(sql, statement)
    return tally


async def _main(seconds: float, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder) / "data", durable=False) as server:
        url = server.create_database("fuzz")
        await prepare(url)
        os.environ |= variables(url)
        catalog = await read_catalog(fresh=True)
        await logins.close()
        target = await Target.open(url)
        begin = time.monotonic()
        try:
            tally = await fuzz(
                statements(seed, STATEMENTS + shared_seeds()),
                target,
                catalog,
                lambda _: time.monotonic() - begin > seconds,
            )
        finally:
            await target.close()
    rate = tally.counts["statements"] / (time.monotonic() - begin)
    print(f"seed {seed}: {dict(tally.counts)}, {rate:.0f} statements/s")
    print(f"slowest decision {tally.slowest * 1000:.1f} ms: {tally.slowest_statement[:200]!r}")


def main() -> None:
    """Fuzz for a while and print what was seen; a Fault names the seed and the statement."""
    parser = argparse.ArgumentParser(prog="python -m tests.dbtool.fuzz", description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    try:
        asyncio.run(_main(options.seconds, options.seed))
    except Fault as fault:
        raise SystemExit(f"seed {options.seed}: {fault}") from fault


if __name__ == "__main__":
    main()
