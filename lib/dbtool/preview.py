"""The rows that an UPDATE or DELETE is about to change, as they are before it does."""

from typing import TYPE_CHECKING

import psycopg

from lib.dbtool.changing import qualified
from lib.dbtool.described import Answer, Described
from lib.dbtool.facts import Facts
from lib.dbtool.logins import Connection
from lib.dbtool.parts import Parts, Target, between, find_clause
from lib.dbtool.wire import cells, run

if TYPE_CHECKING:
    from lib.dbtool.guard import Statement

ROWS = 20
CHARACTERS = 1_000
MOST_CHARACTERS = 1_500_000  # as JSON: what is shown twice, before and after, and with a plan, has to fit
_CLAUSE_OF_MORE_TABLES = {"update": "from", "delete": "using"}


async def rows_before(
    conn: Connection, statement: "Statement", described: Described, parts: Parts, target: Target, facts: Facts
) -> Answer | None:
    """The first rows of the target that meet the statement's own condition; None if it cannot be asked alone."""
    query = _query(statement, parts, target, facts)
    if query is None:
        return None
    shape = facts.columns
    declare = (
        "declare rows_before no scroll cursor for"  # noqa: S608  made of a statement that was judged
        f" select {shape.cut('q', CHARACTERS)} from ({query}) as q{shape.aliases()}"
    )
    answer = Answer(shape.types, min(ROWS, shape.most_rows(CHARACTERS)), CHARACTERS, MOST_CHARACTERS)
    await run(conn, "savepoint before_preview")
    try:
        await run(conn, declare, described.values, described.value_types)
        answer.add(cells(await run(conn, f"fetch forward {answer.wanted} from rows_before")))
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError):
        # The same condition may be evaluated in another order here: the write itself tells what is wrong, if it is.
        await run(conn, "rollback to savepoint before_preview")
        return None
    await run(conn, "close rows_before")
    return answer


def _query(statement: "Statement", parts: Parts, target: Target, facts: Facts) -> str | None:
    """A query for the target's readable columns under the statement's condition."""
    more = _CLAUSE_OF_MORE_TABLES.get(statement.command)
    if more is None or not facts.columns.names or any(cte.changes for cte in parts.ctes):
        return None
    tokens = statement.tokens
    returning = find_clause(tokens, "returning", target.behind)
    where = find_clause(tokens, "where", target.behind, returning)
    tables = find_clause(tokens, more, target.behind, where or returning)
    condition = between(statement, where, returning) if where is not None else ""
    if tables is not None:  # a row is changed once, however many rows of the other tables it meets
        others = between(statement, tables + 1, where if where is not None else returning)
        condition = f"where exists (select from {others} {condition})"
    prefix = statement.text[: parts.main_start]
    columns = qualified(target, facts.columns)
    return f"{prefix}select {columns} from {target.relation} {condition}"  # noqa: S608  made of a statement that was judged
