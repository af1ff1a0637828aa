"""Reads: a READ ONLY transaction of the read login, a server-side cursor, and an answer of bounded size.

The cursor is a wall of its own: the server declares one for a single query that changes nothing, or refuses.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.dbtool.catalog import Catalog, read_catalog
from lib.dbtool.described import MOST_CHARACTERS, Answer, Described, describe_with
from lib.dbtool.logins import Connection, Login, transaction
from lib.dbtool.values import JSON, Type
from lib.dbtool.wire import cells, run, run_all
from lib.errors import QueryFailed

if TYPE_CHECKING:
    from lib.dbtool.guard import Statement

_DENIED = "42501"
_CLOSED = "A table may have columns that are closed: name the columns you need; GET /db/schema lists those to read."


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement answered: JSON values, under names that may repeat; `truncated` if rows or values were cut."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    truncated: bool
    ms: int

    @property
    def row_count(self) -> int:
        """How many rows are here."""
        return len(self.rows)


async def read(statement: "Statement", parameters: Sequence[Any], *, max_rows: int, seconds: float) -> Rows:
    """The rows of a read, or of its plan when it is an EXPLAIN; at most `max_rows`, within `seconds`.

    Only the write login may have a write explained; its transaction is READ ONLY then, too.
    """
    began = time.perf_counter()
    catalog = await read_catalog()
    login: Login = "write" if statement.changes else "read"
    try:
        async with transaction(login, seconds=seconds, schemas=catalog.schemas, read_only=True) as conn:
            described = await describe_with(conn, statement, parameters)
            if statement.explain is not None:
                return await _explain(conn, statement, described, began)
            answer = await _fetch(conn, statement.text, described, max_rows)
    except QueryFailed as failure:
        raise _with_advice(failure, statement, catalog) from None
    types = [each.name for each in described.shape.types]
    return Rows(list(described.shape.names), types, answer.rows, answer.truncated, since(began))


def _with_advice(failure: QueryFailed, statement: "Statement", catalog: Catalog) -> QueryFailed:
    """The failure; where a table may be read but not all of it, what to do about that."""
    named = {token.value for token in statement.tokens}
    if failure.extra.get("sqlstate") != _DENIED or not any(name in named for _, name in catalog.tables):
        return failure
    return QueryFailed(f"{failure.detail} {_CLOSED}", **failure.extra)


def since(began: float) -> int:
    """Whole milliseconds since this reading of perf_counter()."""
    return round((time.perf_counter() - began) * 1000)


async def _fetch(conn: Connection, text: str, described: Described, max_rows: int) -> Answer:
    """The first rows of a query, through a cursor."""
    shape, longest = described.shape, described.shape.longest()
    declare = (
        "declare rows_of_the_tool no scroll cursor for"  # noqa: S608  made of a statement that was judged
        f" select {shape.cut('q', longest)} from ({text}) as q{shape.aliases()}"
    )
    answer = Answer(shape.types, max_rows, longest)
    opening = [(declare, described.values, described.value_types)]
    while not answer.full:
        wanted = min(shape.most_rows(longest), answer.wanted)
        *_, batch = await run_all(conn, *opening, (f"fetch forward {wanted} from rows_of_the_tool", (), ()))
        answer.add(cells(batch))
        if batch.ntuples < wanted:
            break
        opening = []
    return answer


async def _explain(conn: Connection, statement: "Statement", described: Described, began: float) -> Rows:
    """The plan, a line a row, or one value where it was asked for as JSON."""
    result = await run(conn, statement.whole, described.values, described.value_types)
    kind = Type(result.ftype(0), "json" if result.ftype(0) == JSON else "text")
    lines = cells(result)
    kept = Answer([kind], len(lines), MOST_CHARACTERS)
    kept.add(lines)
    return Rows(["QUERY PLAN"], [kind.name], kept.rows, kept.truncated, since(began))
