"""A statement that the server has parsed and described, and its rows on their way to the caller."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from lib.dbtool.failures import fail
from lib.dbtool.logins import Connection
from lib.dbtool.values import LONGEST, Type, cut, encode, is_cut, look_up, restore
from lib.dbtool.wire import Types, Values, describe

if TYPE_CHECKING:
    from lib.dbtool.guard import Statement

# An answer's characters as JSON; a function's own answer may have 4.5 MB on the platform.
MOST_CHARACTERS = 4_000_000
# What is held at once, here and by the server, which puts a whole FETCH together before it sends its first row.
_BATCH_CHARACTERS = 4_000_000
_LEAST_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a query: their names, which may repeat, and their types."""

    names: tuple[str, ...]
    types: tuple[Type, ...]

    def aliases(self) -> str:
        """A column list that calls them c1, c2 …; empty where there are none."""
        names = ", ".join(f"c{number}" for number in range(1, len(self.types) + 1))
        return f"({names})" if names else ""

    def longest(self, rows: int = 1) -> int:
        """How many characters of a value are kept where so many rows are held at once: fewer in wide rows."""
        fitting = _BATCH_CHARACTERS // (max(1, len(self.types)) * rows)
        return min(LONGEST, max(_LEAST_CHARACTERS, fitting))

    def cut(self, source: str, longest: int) -> str:
        """The select list that reads them from `source`, under those aliases, as texts of bounded length."""
        return ", ".join(cut(f"{source}.c{number}", kind.oid, longest) for number, kind in enumerate(self.types, 1))

    def most_rows(self, longest: int) -> int:
        """How many rows of this shape, with values of that length, may be held at once."""
        return max(1, _BATCH_CHARACTERS // (longest * max(1, len(self.types))))


@dataclass(frozen=True, slots=True)
class Described:
    """A statement's columns, and its parameters as they are sent: values and the types the server has inferred."""

    shape: Shape
    values: Values
    value_types: Types


async def describe_with(conn: Connection, statement: "Statement", parameters: Sequence[Any]) -> Described:
    """Have a statement described, and its parameters encoded; nothing of it runs."""
    try:
        told = await describe(conn, statement.text)
    except psycopg.Error as exc:
        fail(exc, _position_as_sent(statement, exc))
    types = await look_up(conn, (*told.types, *told.parameters))
    shape = Shape(told.names, tuple(types[oid] for oid in told.types))
    return Described(shape, encode(parameters, [types[oid] for oid in told.parameters]), told.parameters)


def _position_as_sent(statement: "Statement", exc: psycopg.Error) -> int | None:
    """Where the text as sent has what the server complains of in the canonical text; characters from 1."""
    place = int(exc.diag.statement_position or 0) - 1
    before = [token for token in statement.tokens if token.start <= place]
    return before[-1].position + place - before[-1].start if before else None


class Answer:
    """Rows as they come in, until there are enough of them or they weigh too much."""

    def __init__(
        self, types: Sequence[Type], max_rows: int, longest: int, most_characters: int = MOST_CHARACTERS
    ) -> None:
        self.rows: list[list[Any]] = []
        self.truncated = False
        self.full = False
        self._types = types
        self._max_rows = max_rows
        self._longest = longest
        self._most_characters = most_characters
        self._characters = 0

    @property
    def wanted(self) -> int:
        """How many rows are missing, and one more, which tells whether there are more."""
        return self._max_rows - len(self.rows) + 1

    def add(self, batch: Sequence[Sequence[str | None]]) -> None:
        """Take what still fits."""
        for row in batch:
            self._characters += sum(len(json.dumps(cell)) + 1 for cell in row)  # "€" has six more than in SQL
            if len(self.rows) == self._max_rows or self._characters > self._most_characters:
                self.truncated = self.full = True
                return
            self.truncated |= any(is_cut(cell, self._longest) for cell in row)
            self.rows.append([restore(cell, kind, self._longest) for cell, kind in zip(row, self._types, strict=True)])
