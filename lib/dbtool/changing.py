"""One write, executed: how many rows it changed in all its parts, and its rows in bounded size.

A statement that answers rows is put into a WITH list, where the server still runs it to its end but sends no more
of its rows than are wanted, each value cut. Its other changing members are counted there too. Nothing but a query
or a write can stand there, so what begins with any other word does not run at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.dbtool.described import MOST_CHARACTERS, Answer, Described, Shape
from lib.dbtool.facts import Facts
from lib.dbtool.logins import Connection
from lib.dbtool.parts import VERBS, Cte, Parts, Target
from lib.dbtool.wire import cells, run

if TYPE_CHECKING:
    from lib.dbtool.guard import Statement

_OWN = '"rows of the tool"'  # no statement calls anything so


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did: `affected_rows` over all its parts, and the first of the rows that it answered."""

    affected_rows: int
    columns: list[str]
    rows: list[list[Any]]
    truncated: bool


async def change(
    conn: Connection,
    statement: "Statement",
    described: Described,
    parts: Parts,
    *,
    max_rows: int,
    returning: tuple[Target, Facts] | None = None,
    longest: int | None = None,
    most_characters: int = MOST_CHARACTERS,
) -> Change:
    """Execute a write in this transaction and answer at most `max_rows` rows, values cut to `longest` characters.

    One that answers no rows by itself answers those of its target's readable columns if `returning` names it.
    """
    shape, main = described.shape, statement.text[parts.main_start :]
    if not shape.names and returning and returning[1].columns.names:
        shape = returning[1].columns
        main = f"{main} returning {qualified(returning[0], shape)}"
    verb = statement.tokens[parts.main].value in VERBS
    if verb and not shape.names:
        if not any(cte.changes for cte in parts.ctes):
            result = await run(conn, statement.text, described.values, described.value_types)
            return Change(result.command_tuples or 0, [], [], truncated=False)
        main = f"{main} returning 1"
    longest = longest or shape.longest(max_rows)
    wanted = min(max_rows, shape.most_rows(longest))
    text = _wrapped(statement, parts, main, shape, wanted, longest)
    (first, *_), *_ = found = cells(await run(conn, text, described.values, described.value_types))
    total = int(found[0][1] or 0)
    answer = Answer(shape.types, wanted, longest, most_characters)
    answer.add([row[2:] for row in found[: min(total, wanted)]] if shape.names else [])
    missing = bool(shape.names) and total > len(answer.rows)
    return Change(int(first or 0), list(shape.names), answer.rows, answer.truncated or missing)


def qualified(target: Target, shape: Shape) -> str:
    """A select list of these columns of the target."""
    return ", ".join(f"{target.reference}.{_quoted(name)}" for name in shape.names)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _wrapped(statement: "Statement", parts: Parts, main: str, shape: Shape, wanted: int, longest: int) -> str:
    """The statement as one query: in each row, the changed rows, the rows of the main statement, and its columns."""
    counted = [cte.name for cte in parts.ctes if cte.changes]
    if statement.tokens[parts.main].value in VERBS:
        counted.append(_OWN)
    changed = " + ".join(f"(select pg_catalog.count(*) from {name})" for name in counted)  # noqa: S608  names of its own WITH list
    columns = f", {shape.cut('q', longest)}" if shape.names else ""
    prefix = _counting_prefix(statement.text, parts)
    return (
        f"{prefix} {_OWN}{shape.aliases()} as ({main})"  # noqa: S608  made of a statement that was judged
        f" select n.changed, n.total{columns}"
        f" from (select {changed} as changed, (select pg_catalog.count(*) from {_OWN}) as total) as n"
        f" left join (select * from {_OWN} limit {wanted}) as q on true"
    )


def _counting_prefix(text: str, parts: Parts) -> str:
    """The WITH list up to where another member may be added; each changing member returns a row for each it changes."""
    if not parts.ctes:
        return "with"
    pieces: list[str] = []
    done = 0
    for cte in _uncounted(parts.ctes):
        pieces.append(text[done : cte.body_end])
        pieces.append(" returning 1")
        done = cte.body_end
    return "".join(pieces) + text[done : parts.main_start].rstrip() + ","


def _uncounted(ctes: Sequence[Cte]) -> list[Cte]:
    return [cte for cte in ctes if cte.changes and not cte.returns]
