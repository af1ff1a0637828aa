"""The text that sqlglot reads: the canonical one, but for what it misreads or does not know.

What is replaced or left out cannot decide a verdict: which operator stands between two operands, the number of a
parameter, the type of a literal, and clauses that hold nothing but names or are JSON's own; a call in one of these
makes the parsers disagree. Functions, tables, conditions and statements stay as they are; the other parser reads the
real text.
"""

from collections.abc import Iterator, Sequence

from lib.dbtool.names import types, words
from lib.dbtool.tokens import Token

# sqlglot reads these as PostgreSQL does.
_KNOWN = frozenset({"+", "-", "*", "/", "<", ">", "<=", ">=", "=", "<>", "!=", "||", "=>"})
_INFIX = "||"  # binds as PostgreSQL's own "other operators" do
_PREFIX = "-"
_OPENING = frozenset({"(", "[", ",", "::", ":"})
# Words after which an operand is awaited, so that an operator there is a prefix.
_AWAITING = words(
    """
    all and any as between both by case distinct else escape except filter for from having ilike in intersect is
    leading like limit not offset on or order placing returning select set similar some then to trailing union
    using values variadic when where with
    """
)
_TEMPORAL = words("interval date time timestamp timestamptz timetz")
_FIELDS = words("year month day hour minute second to")
_JSON_CALLS = words(
    "json_array json_arrayagg json_exists json_object json_objectagg json_query json_serialize json_value"
)
_JSON_CLAUSES = words("returning null absent error empty default true false unknown with without keep omit passing")
_JSON_COLUMN_CLAUSES = words(
    "exists format path with without keep omit default null error empty true false unknown"
)
_BEHIND_COLUMNS = words("select with values table default overriding using on")
# The words that have a meaning of their own in PostgreSQL's queries and writes. All others are names, whatever sqlglot
# takes them for (`sort by`, `qualify`, `final`, `kill`): it is given them in quotes.
_SYNTAX = words(
    """
    absent all and any array as asc asymmetric at between bernoulli both breadth by case cast char character
    coalesce collate columns conditional conflict constraint cross cube current current_catalog current_date
    current_role current_schema current_time current_timestamp current_user cycle day dec decimal default delete depth
    desc distinct do document double else empty encoding end error escape except exclude exists extract false fetch
    filter first following for format from full global greatest group grouping groups having hour if ilike in indent
    inner insert intersect interval into is isnull join json json_array json_arrayagg json_exists json_object
    json_objectagg json_query json_scalar json_serialize json_table json_value keep key keys last lateral leading least
    left like limit local localtime localtimestamp locked matched materialized merge merge_action minute month national
    natural nchar nested next nfc nfd nfkc nfkd no normalize normalized not nothing notnull null nullif nulls numeric
    object of offset omit on only operator or order ordinality others outer over overlaps overlay overriding partition
    passing path plan placing position preceding precision quotes range recursive repeatable replace returning right
    rollup row rows scalar search second select session_user set sets similar some source string string_agg substring
    symmetric system table tablesample target text then ties time timestamp to trailing treat trim true unbounded unique
    union unknown update user using value values variadic varying when where window with within without wrapper year
    zone
    """
)


def copy_of(tokens: Sequence[Token]) -> str:
    """The text for sqlglot."""
    left_out = set(_left_out(tokens))
    said_otherwise = dict(_said_otherwise(tokens))
    spelled: list[str] = []
    before: Token | None = None
    for index, token in enumerate(tokens):
        if index in left_out:
            continue
        if index in said_otherwise:
            spelled.append(said_otherwise[index])
        elif token.kind == "operator":
            spelled.append(_operator(token, before))
        else:
            spelled.append(_spelled(token, before))
        before = token
    return " ".join(spelled)


def _said_otherwise(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """The tokens that sqlglot reads in another spelling only."""
    for index in range(len(tokens)):
        match _word(tokens, index):
            case "json_object" if _is_plain_call(tokens, index):
                yield index, "json_scalar"  # to sqlglot, and to the comparison, a call like any other
            case "cube" if index and tokens[index - 1].text == "::":
                yield index, '"cube"'
            case "similar" if _word(tokens, index + 1) != "to":  # substring(text similar pattern escape mark)
                yield index, ","
                yield from ((place, ",") for place in _to_the_end(tokens, index) if _word(tokens, place) == "escape")
            case _:
                pass


def _is_plain_call(tokens: Sequence[Token], index: int) -> bool:
    """Whether this is JSON_OBJECT with arguments of an ordinary function: arrays of keys and values."""
    inside = [place for place in _to_the_end(tokens, index + 2) if tokens[place].depth == tokens[index].depth + 1]
    marks = {":", "value", "returning"}
    return bool(inside) and marks.isdisjoint(_word(tokens, place) or tokens[place].text for place in inside)


def _to_the_end(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """The places from here to the end of the bracket that stands around them."""
    depth = tokens[start].depth if start < len(tokens) else 0
    for index in range(start, len(tokens)):
        if tokens[index].depth < depth:
            return
        yield index


def _spelled(token: Token, before: Token | None) -> str:
    """A token that is no operator: parameters as a number, names in quotes."""
    if token.kind == "parameter":
        return "0"
    if token.value == "json_objectagg":
        return "json_object"  # the same inside
    behind_dot = before is not None and before.text == "."
    if token.kind == "word" and (behind_dot or (token.value not in _SYNTAX and token.value not in types())):
        return f'"{token.value}"'
    return token.text


def _operator(token: Token, before: Token | None) -> str:
    if _is_prefix(before):
        return token.text if token.text in {"+", "-", "*"} else _PREFIX
    return token.text if token.text in _KNOWN else _INFIX


def _is_prefix(before: Token | None) -> bool:
    """Whether an operand is awaited behind this token."""
    if before is None or before.kind == "operator":
        return True
    if before.kind == "punctuation":
        return before.text in _OPENING
    return before.kind == "word" and before.value in _AWAITING


def _left_out(tokens: Sequence[Token]) -> Iterator[int]:
    """The tokens that sqlglot shall not see."""
    for index, token in enumerate(tokens):
        if token.kind != "word":
            continue
        match token.value:
            case "varying" if index and tokens[index - 1].value == "bit":
                yield index
            case "interval":
                yield from _interval(tokens, index)
            case "overriding" if _word(tokens, index + 2) == "value":
                yield from range(index, index + 3)
            case "using":
                yield from _join_alias(tokens, index)
            case "only" if _text(tokens, index + 1) == "(":
                yield from (index + 1, _closing(tokens, index + 1))
            case "at" if _word(tokens, index + 1) == "local":
                yield from (index, index + 1)
            case "into" | "insert":
                yield from _inside_columns(tokens, index + 1)
            case "json_table" if _text(tokens, index + 1) == "(":
                yield from _json_table(tokens, index + 2)
            case name if name in _JSON_CALLS and index + 1 < len(tokens) and tokens[index + 1].text == "(":
                yield from _json_clauses(tokens, index)
            case "search" if _text(tokens, index - 1) == ")" and _word(tokens, index + 2) == "first":
                yield from _until(tokens, index, "set")
            case "cycle" if _text(tokens, index - 1) == ")" or _word(tokens, index - 2) == "set":
                yield from _until(tokens, index, "using")
            case name if name in types() and name not in _TEMPORAL and _kind(tokens, index + 1) == "string":
                if _is_prefix(tokens[index - 1] if index else None):
                    yield index
            case _:
                pass


def _interval(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """`(digits)` before an interval's text, `fields` behind it."""
    place = start + 1
    if place < len(tokens) and tokens[place].text == "(":
        yield from range(place, place + 3)
        place += 3
    if _kind(tokens, place) != "string":
        return
    while _word(tokens, place + 1) in _FIELDS:
        place += 1
        yield place
    if _word(tokens, place) == "second" and _text(tokens, place + 1) == "(":
        yield from range(place + 1, place + 4)


def _join_alias(tokens: Sequence[Token], using: int) -> Iterator[int]:
    """`as name` behind `using (names)`."""
    end = using + 1
    while end < len(tokens) and (tokens[end].text in {"(", ","} or tokens[end].kind in {"word", "quoted"}):
        if tokens[end].value in {"select", "values", "table", "with"}:
            return
        end += 1
    if end < len(tokens) and tokens[end].text == ")" and _word(tokens, end + 1) == "as":
        yield from (end + 1, end + 2)


def _until(tokens: Sequence[Token], start: int, last: str) -> Iterator[int]:
    """`search depth first by names set name` or `cycle names set name [to constant default constant] using name`."""
    end = start
    while end < len(tokens) and _word(tokens, end) != last:
        if tokens[end].text in {"(", ")"}:
            return
        end += 1
    yield from range(start, min(end + 2, len(tokens)))


def _json_clauses(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """What follows the arguments of a JSON call: `returning type`, `null on empty`, `with wrapper` …"""
    inside = tokens[start + 1].depth + 1
    out = False
    for index in range(start + 2, len(tokens)):
        token, before = tokens[index], tokens[index - 1]
        if token.depth < inside:
            return
        operand = before.kind != "operator" and before.text not in {"(", ",", ":"} and not _is_value_mark(tokens, index)
        out = out or (token.depth == inside and operand and _word(tokens, index) in _JSON_CLAUSES)
        if out:
            yield index


def _is_value_mark(tokens: Sequence[Token], index: int) -> bool:
    """Whether VALUE stands before this, as the mark between a key and its value."""
    return _word(tokens, index - 1) == "value" and tokens[index - 2].text not in {"(", ",", ":"}


def _json_table(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """All of JSON_TABLE but its document, its path, and its columns' names and types."""
    out = False
    for index in _to_the_end(tokens, start):
        if tokens[index].depth > tokens[start].depth:
            if out:
                yield index
        elif _word(tokens, index) == "columns" and _text(tokens, index + 1) == "(":
            out = False
            yield from _json_columns(tokens, index + 2)
        else:
            out = out or tokens[index - 1].text == ")" or _word(tokens, index) in {"as", "passing"}
            if out:
                yield index


def _json_columns(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """What follows the names and types of JSON_TABLE's columns; in NESTED PATH, the same of its own ones."""
    first, out = start, False
    for index in _to_the_end(tokens, start):
        if tokens[index].depth == tokens[start].depth:
            nested = _word(tokens, first) == "nested"
            if tokens[index].text == ",":
                first, out = index + 1, False
            elif nested and _word(tokens, index) == "columns":
                yield from _json_columns(tokens, index + 2)
            elif index > first and not nested and _word(tokens, index) in _JSON_COLUMN_CLAUSES:
                out = True
        if out:
            yield index


def _inside_columns(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """`.field` and `[index]` within the list of columns that an INSERT names."""
    index = start
    while index < len(tokens) and (tokens[index].kind == "quoted" or _text(tokens, index) == "." or _word(tokens, index)):
        if _word(tokens, index) in _BEHIND_COLUMNS:
            return
        index += 1
    if _text(tokens, index) != "(" or _word(tokens, index + 1) in _BEHIND_COLUMNS:
        return
    out = 0
    for place in _to_the_end(tokens, index + 1):
        if tokens[place].text == "[" and not out:
            out = _closing(tokens, place)
        if place <= out or "." in {tokens[place].text, tokens[place - 1].text}:
            yield place
        if place == out:
            out = 0


def _closing(tokens: Sequence[Token], opening: int) -> int:
    """The place of the bracket that closes this one."""
    depth = tokens[opening].depth
    return next(index for index in range(opening + 1, len(tokens)) if tokens[index].depth == depth)


def _word(tokens: Sequence[Token], index: int) -> str:
    return tokens[index].value if 0 <= index < len(tokens) and tokens[index].kind == "word" else ""


def _text(tokens: Sequence[Token], index: int) -> str:
    return tokens[index].text if 0 <= index < len(tokens) else ""


def _kind(tokens: Sequence[Token], index: int) -> str:
    return tokens[index].kind if index < len(tokens) else ""
