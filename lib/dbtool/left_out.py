"""The tokens that sqlglot shall not see: clauses that it does not know and that hold nothing but names and constants.

Nothing gets past the guard by standing in one of them: PostgreSQL's own parser reads all, and a call, a table or a
condition that only it has seen makes the two disagree.
"""

from collections.abc import Callable, Iterator, Sequence

from lib.dbtool.names import words
from lib.dbtool.tokens import Token, closing, kind_at, text_at, to_the_end, word_at

_FIELDS = words("year month day hour minute second to")
_JSON_CALLS = words(
    "json_array json_arrayagg json_exists json_object json_objectagg json_query json_serialize json_value"
)
_JSON_CLAUSES = words("returning null absent error empty default true false unknown with without keep omit passing")
_COLUMN_CLAUSES = words("exists format path with without keep omit default null error empty true false unknown")
_NO_COLUMNS = words("select with values table default overriding using on")


def left_out(tokens: Sequence[Token]) -> Iterator[int]:
    """The places of these tokens."""
    for index, token in enumerate(tokens):
        rule = _RULES.get(token.value) if token.kind == "word" else None
        if rule is not None:
            yield from rule(tokens, index)


def _varying(tokens: Sequence[Token], index: int) -> Iterator[int]:
    """`varying` behind `bit`."""
    if word_at(tokens, index - 1) == "bit":
        yield index


def _overriding(tokens: Sequence[Token], index: int) -> Iterator[int]:
    """`overriding system value`."""
    if word_at(tokens, index + 2) == "value":
        yield from range(index, index + 3)


def _only(tokens: Sequence[Token], index: int) -> Iterator[int]:
    """The brackets of `only (name)`."""
    if text_at(tokens, index + 1) == "(":
        yield from (index + 1, closing(tokens, index + 1))


def _at_local(tokens: Sequence[Token], index: int) -> Iterator[int]:
    """`at local`."""
    if word_at(tokens, index + 1) == "local":
        yield from (index, index + 1)


def _search(tokens: Sequence[Token], index: int) -> Iterator[int]:
    """`search depth first by names set name` behind a WITH query."""
    if text_at(tokens, index - 1) == ")" and word_at(tokens, index + 2) == "first":
        yield from _until(tokens, index, "set")


def _cycle(tokens: Sequence[Token], index: int) -> Iterator[int]:
    """`cycle names set name [to constant default constant] using name` behind a WITH query."""
    if text_at(tokens, index - 1) == ")" or word_at(tokens, index - 2) == "set":
        yield from _until(tokens, index, "using")


def _interval(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """`(digits)` before an interval's text, `fields` behind it."""
    place = start + 1
    if place < len(tokens) and tokens[place].text == "(":
        yield from range(place, place + 3)
        place += 3
    if kind_at(tokens, place) != "string":
        return
    while word_at(tokens, place + 1) in _FIELDS:
        place += 1
        yield place
    if word_at(tokens, place) == "second" and text_at(tokens, place + 1) == "(":
        yield from range(place + 1, place + 4)


def _join_alias(tokens: Sequence[Token], using: int) -> Iterator[int]:
    """`as name` behind `using (names)`."""
    end = using + 1
    while end < len(tokens) and (tokens[end].text in {"(", ","} or tokens[end].kind in {"word", "quoted"}):
        if tokens[end].value in {"select", "values", "table", "with"}:
            return
        end += 1
    if end < len(tokens) and tokens[end].text == ")" and word_at(tokens, end + 1) == "as":
        yield from (end + 1, end + 2)


def _until(tokens: Sequence[Token], start: int, last: str) -> Iterator[int]:
    """`search depth first by names set name` or `cycle names set name [to constant default constant] using name`."""
    end = start
    while end < len(tokens) and word_at(tokens, end) != last:
        if tokens[end].text in {"(", ")"}:
            return
        end += 1
    yield from range(start, min(end + 2, len(tokens)))


def _json_clauses(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """What follows the arguments of a JSON call: `returning type`, `null on empty`, `with wrapper` …"""
    if text_at(tokens, start + 1) != "(":
        return
    inside, out = tokens[start].depth + 1, False
    for index in to_the_end(tokens, start + 2):
        token, before = tokens[index], tokens[index - 1]
        if token.depth < inside:  # there are no arguments
            return
        operand = before.kind != "operator" and before.text not in {"(", ",", ":"} and not _is_value_mark(tokens, index)
        out = out or (token.depth == inside and operand and word_at(tokens, index) in _JSON_CLAUSES)
        if out:
            yield index


def _is_value_mark(tokens: Sequence[Token], index: int) -> bool:
    """Whether VALUE stands before this, as the mark between a key and its value."""
    return word_at(tokens, index - 1) == "value" and tokens[index - 2].text not in {"(", ",", ":"}


def _json_table(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """All of JSON_TABLE but its document, its path, and its columns' names and types."""
    if text_at(tokens, start + 1) != "(":
        return
    inside, out, behind = tokens[start].depth + 1, False, len(tokens)
    for index in to_the_end(tokens, start + 2):
        if word_at(tokens, index) == "columns" and text_at(tokens, index + 1) == "(" and tokens[index].depth == inside:
            out, behind = False, closing(tokens, index + 1)
            yield from _json_columns(tokens, index + 2)
        out = out or (tokens[index].depth == inside and word_at(tokens, index) in {"as", "passing"})
        if out or index > behind:
            yield index


def _json_columns(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """What follows the names and types of JSON_TABLE's columns; in NESTED PATH, the same of its own ones."""
    first, out = start, False
    for index in to_the_end(tokens, start):
        if tokens[index].depth == tokens[start].depth:
            nested = word_at(tokens, first) == "nested"
            if tokens[index].text == ",":
                first, out = index + 1, False
            elif nested and word_at(tokens, index) == "columns":
                yield from _json_columns(tokens, index + 2)
            elif index > first and not nested and word_at(tokens, index) in _COLUMN_CLAUSES:
                out = True
        if out:
            yield index


def _inside_columns(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """`.field` and `[index]` within the list of columns that an INSERT names."""
    opening = start + 1
    while kind_at(tokens, opening) in {"word", "quoted"} or text_at(tokens, opening) == ".":
        opening += 1
    if text_at(tokens, opening) != "(" or text_at(tokens, opening + 1) == "(":
        return
    if any(word_at(tokens, place) in _NO_COLUMNS for place in range(start, opening + 2)):
        return
    behind = 0
    for index in to_the_end(tokens, opening + 1):
        if tokens[index].text == "[" and index > behind:
            behind = closing(tokens, index)
        if index <= behind or "." in {tokens[index].text, tokens[index - 1].text}:
            yield index


type _Rule = Callable[[Sequence[Token], int], Iterator[int]]

# By the word that a clause begins with.
_RULES: dict[str, _Rule] = {
    "varying": _varying,
    "interval": _interval,
    "overriding": _overriding,
    "using": _join_alias,
    "only": _only,
    "at": _at_local,
    "search": _search,
    "cycle": _cycle,
    "into": _inside_columns,
    "insert": _inside_columns,
    "json_table": _json_table,
    **dict.fromkeys(_JSON_CALLS, _json_clauses),
}
