"""A write taken apart by its tokens: its WITH list, the statement behind it, and that statement's target and clauses.

The statement was judged and described before, so it is well-formed here; what this reader does not know stays whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lib.dbtool.guard import Statement
    from lib.dbtool.lexer import Token

VERBS = frozenset({"insert", "update", "delete", "merge"})
# The words that may stand between a target and the rest, so none of them is its alias.
_AFTER_TARGET = frozenset({"set", "using", "where", "returning", "default", "values", "select", "overriding", "on"})


@dataclass(frozen=True, slots=True)
class Cte:
    """One member of a WITH list: its name as written, where its body ends in the text, and whether it changes rows.

    `returns` says whether a changing one has a RETURNING clause.
    """

    name: str
    body_end: int
    changes: bool
    returns: bool


@dataclass(frozen=True, slots=True)
class Target:
    """The table that a statement changes: as FROM would list it, and as its columns are qualified by it."""

    relation: str
    reference: str
    behind: int


@dataclass(frozen=True, slots=True)
class Parts:
    """`ctes` in their order; `main` is where, in the tokens and in the text, the statement behind them begins."""

    ctes: tuple[Cte, ...]
    main: int
    main_start: int


def take_apart(statement: "Statement") -> Parts:
    """The WITH list of a statement and what follows it."""
    ctes, main = _with_list(statement.tokens, 0, len(statement.tokens), 0)
    return Parts(tuple(ctes), main, statement.tokens[main].start)


def find_target(statement: "Statement", parts: Parts) -> Target | None:
    """The target of the main statement; None for a query, or for a spelling that is not known here."""
    tokens = statement.tokens
    if statement.command not in VERBS:
        return None
    start = parts.main + (1 if statement.command == "update" else 2)
    index = start + 1 if _is(tokens, start, "only") and _is_name(tokens, start + 1) else start
    if not _is_name(tokens, index) or (_is(tokens, start, "only") and _is(tokens, start + 1, "(")):
        return None
    first = index
    while _is(tokens, index + 1, ".") and _is_name(tokens, index + 2):
        index += 2
    reference = statement.text[tokens[first].start : _end(tokens[index])]
    if _is(tokens, index + 1, "*"):
        index += 1
    if _is(tokens, index + 1, "as"):
        index += 2
        reference = tokens[index].text
    elif _is_name(tokens, index + 1) and tokens[index + 1].value not in _AFTER_TARGET:
        index += 1
        reference = tokens[index].text
    return Target(statement.text[tokens[start].start : _end(tokens[index])], reference, index + 1)


def find_clause(tokens: Sequence["Token"], word: str, start: int, stop: int | None = None) -> int | None:
    """Where a clause of the main statement begins with this word."""
    for index in range(start, len(tokens) if stop is None else stop):
        token = tokens[index]
        if token.depth == 0 and _is(tokens, index, word) and not _is(tokens, index - 1, "distinct", "."):
            return index
    return None


def between(statement: "Statement", start: int, stop: int | None) -> str:
    """The text from one token up to another, or to the end."""
    tokens = statement.tokens
    if start >= len(tokens):
        return ""
    end = len(statement.text) if stop is None else tokens[stop].start
    return statement.text[tokens[start].start : end].strip()


def _with_list(tokens: Sequence["Token"], start: int, stop: int, depth: int) -> tuple[list[Cte], int]:
    """The members of the WITH list that begins here, if one does, and the index of what follows it."""
    if not _is(tokens, start, "with"):
        return [], start
    ctes = []
    index = start + (2 if _is(tokens, start + 1, "recursive") and not _is(tokens, start + 2, "as") else 1)
    while True:
        name = tokens[index].text
        while not _is(tokens, index, "as"):
            index += 1
        while not _is(tokens, index, "("):
            index += 1
        close = _closing(tokens, index, stop, depth)
        ctes.append(_cte(tokens, name, index + 1, close, depth + 1))
        index = _behind_search_and_cycle(tokens, close + 1)
        if not _is(tokens, index, ","):
            return ctes, index
        index += 1


def _cte(tokens: Sequence["Token"], name: str, start: int, close: int, depth: int) -> Cte:
    _, main = _with_list(tokens, start, close, depth)
    changes = tokens[main].kind == "word" and tokens[main].value in VERBS
    returns = any(
        tokens[place].depth == depth and _is(tokens, place, "returning") and not _is(tokens, place - 1, ".", "as")
        for place in range(main, close)
    )
    return Cte(name, tokens[close].start, changes, returns)


def _closing(tokens: Sequence["Token"], opening: int, stop: int, depth: int) -> int:
    return next(
        index for index in range(opening + 1, stop) if tokens[index].depth == depth and tokens[index].text == ")"
    )


def _behind_search_and_cycle(tokens: Sequence["Token"], index: int) -> int:
    """`search … set name` and `cycle … using name` may follow the body of a recursive member."""
    for clause, last in (("search", "set"), ("cycle", "using")):
        if _is(tokens, index, clause):
            while not _is(tokens, index, last):
                index += 1
            index += 2
    return index


def _is(tokens: Sequence["Token"], index: int, *texts: str) -> bool:
    return 0 <= index < len(tokens) and tokens[index].kind not in ("quoted", "string") and tokens[index].value in texts


def _is_name(tokens: Sequence["Token"], index: int) -> bool:
    return index < len(tokens) and tokens[index].kind in ("word", "quoted")


def _end(token: "Token") -> int:
    return token.start + len(token.text)
