"""The text that sqlglot reads: the canonical one, but for what it misreads or does not know.

What is replaced or left out cannot decide a verdict: which operator stands between two operands, the number of a
parameter, the type of a literal, and clauses that hold nothing but names or are JSON's own; a call in one of these
makes the parsers disagree. Functions, tables, conditions and statements stay as they are; the other parser reads the
real text.
"""

from collections.abc import Iterator, Sequence

from lib.dbtool.left_out import left_out
from lib.dbtool.names import types, words
from lib.dbtool.tokens import Token, kind_at, to_the_end, word_at

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
    unseen = {*left_out(tokens), *_typed(tokens)}
    said_otherwise = dict(_said_otherwise(tokens))
    spelled: list[str] = []
    before: Token | None = None
    for index, token in enumerate(tokens):
        if index in unseen:
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
        match word_at(tokens, index):
            case "json_object" if _is_plain_call(tokens, index):
                yield index, "json_scalar"  # to sqlglot, and to the comparison, a call like any other
            case "cube" if index and tokens[index - 1].text == "::":
                yield index, '"cube"'
            case "similar" if word_at(tokens, index + 1) != "to":  # substring(text similar pattern escape mark)
                yield index, ","
                yield from ((place, ",") for place in to_the_end(tokens, index) if word_at(tokens, place) == "escape")
            case _:
                pass


def _is_plain_call(tokens: Sequence[Token], index: int) -> bool:
    """Whether this is JSON_OBJECT with arguments of an ordinary function: arrays of keys and values."""
    inside = [place for place in to_the_end(tokens, index + 2) if tokens[place].depth == tokens[index].depth + 1]
    marks = {":", "value", "returning"}
    return bool(inside) and marks.isdisjoint(word_at(tokens, place) or tokens[place].text for place in inside)


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


def _typed(tokens: Sequence[Token]) -> Iterator[int]:
    """The names of types before their literals: `inet '::1'`."""
    for index, token in enumerate(tokens):
        named = token.kind == "word" and token.value in types() and token.value not in _TEMPORAL
        if named and kind_at(tokens, index + 1) == "string" and _is_prefix(tokens[index - 1] if index else None):
            yield index
