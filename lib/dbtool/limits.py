"""How large and how deep a statement may be, so that judging it takes a bounded time.

sqlglot tries some constructs twice, and what stands in them twice as often with every level: array brackets, type
names that open a bracket, and joins whose ON is still to come. Twenty levels take minutes. So a token costs 2 to the
power of such levels around it, and a statement may cost so much in all. Measured with sqlglot 30.30 and Python 3.12:
4 to 11 µs for a token of weight 2, about half of that for one of weight 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lib.dbtool.refusals import refused
from lib.dbtool.tokens import Token

MAX_TOKENS = 3_000
MAX_COST = 3_000  # 1,400 numbers in an IN list, or 400 terms of x = 1 joined by AND
MAX_DEPTH = 40  # open brackets, CASEs and prefixes; sqlglot meets Python's recursion limit between 60 and 100
MAX_DOUBLINGS = 6
MAX_SUBSCRIPTS = 8  # in one expression; each costs sqlglot as much as all before it
MAX_LINKS = 300  # operators, casts and dots in a row, set operations, joins: a tree as deep, walked by recursion

_OPENING = ("(", "[")
_LIGHT = frozenset({"number", "string", "parameter", "punctuation"})
_PREFIXES = frozenset({"not", "-", "+", "~", "@", "|/", "||/", "!!", "interval", "any", "all"})
_LINKS = frozenset({"::", ".", "at", "collate", "is"})
_NESTING = frozenset({"union", "except", "intersect", "join"})  # each holds all that stands before it
_JOIN_KINDS = frozenset({"left", "right", "full", "inner", "outer"})
_FRESH = frozenset({",", "and", "or", "select", "from", "where", "values", "when", "then", "else", "join"})
# Every word that sqlglot's PostgreSQL tokenizer takes for the name of a type (and UNION, which is one to it).
_TYPE_NAMES = """
bigdecimal bigint bignum bignumeric bigserial binary bit blob bool boolean bpchar byte bytea char character clob
cstring date datemultirange daterange datetime dec decfloat decimal decimal128 decimal256 decimal32 decimal64 double
enum fixed float float4 float8 geography geometry hstore hugeint inet int int1 int128 int16 int2 int256 int32 int4
int4multirange int4range int64 int8 int8multirange int8range integer json jsonb list long longblob longtext
longvarchar map mediumblob mediumint mediumtext money name nchar null nullable number numeric nummultirange numrange
nvarchar nvarchar2 object oid point precision range real ref regclass regcollation regconfig regdictionary
regnamespace regoper regoperator regproc regprocedure regrole regtype serial short smallint smallserial str string
struct text time time_ns timestamp timestamp_ltz timestamp_ntz timestampltz timestampntz timestamptz timetz tinyblob
tinyint tinytext tsmultirange tsrange tstzmultirange tstzrange uhugeint uint uint128 uint256 union unknown uuid
varbinary varchar varchar2 variant varying vector xml
"""
_TYPES = frozenset(_TYPE_NAMES.split())


@dataclass(slots=True)
class _Level:
    """The inside of one bracket, or the whole statement."""

    doublings: int  # by the brackets around it
    pending: int = 0  # joins whose ON or USING is still to come
    unconditional: bool = False  # whether the JOIN ahead has none
    links: int = 0
    nested: int = 0
    subscripts: int = 0


def check_limits(tokens: Sequence[Token]) -> None:
    """Raises QueryRefused at the token with which the statement becomes too costly to judge."""
    levels = [_Level(0)]
    cost = cases = prefixes = 0
    before: Token | None = None
    for token in tokens:
        level = levels[-1]
        word = _keyword(token, before)
        doublings = level.doublings + level.pending
        cost += (1 if token.kind in _LIGHT else 2) << doublings
        if cost > MAX_COST or doublings > MAX_DOUBLINGS:
            raise refused("too_complex", token.position)
        prefixes = prefixes + 1 if word in _PREFIXES else 0
        cases = max(cases + (word == "case") - (word == "end"), 0)  # END may be a label too
        if len(levels) - 1 + (word in _OPENING) + cases + prefixes > MAX_DEPTH:
            raise refused("too_deep", token.position)
        _count(level, word, token, before)
        if word in _OPENING:
            levels.append(_Level(doublings + _doubles(word, before)))
        elif word in (")", "]"):
            subscripts = levels.pop().subscripts
            levels[-1].subscripts = max(levels[-1].subscripts, subscripts)
        before = token


def _keyword(token: Token, before: Token | None) -> str:
    """A word that may be a keyword, an operator or a mark; "" for anything else and for names behind a dot or AS."""
    if token.kind == "word":
        return "" if before is not None and before.text.lower() in (".", "as") else token.value
    return token.text if token.kind in ("operator", "punctuation") else ""


def _doubles(bracket: str, before: Token | None) -> bool:
    return bracket == "[" or (before is not None and before.kind == "word" and before.value in _TYPES)


def _count(level: _Level, word: str, token: Token, before: Token | None) -> None:
    """Counts what makes long chains; raises QueryRefused at the link too many."""
    if word in _FRESH:
        level.links = level.subscripts = 0
    if word in ("on", "using"):
        level.pending = max(level.pending - 1, 0)
    elif word in _NESTING:
        level.nested += 1
        level.pending += word == "join" and not level.unconditional
    elif token.kind == "operator" or word in _LINKS:
        level.links += 1
        level.subscripts = level.subscripts if word in _LINKS else 0
    elif word == "[" and before is not None and before.text not in ("[", "(", ","):
        level.subscripts += 1
    if word not in _JOIN_KINDS:
        level.unconditional = word in ("cross", "natural")
    if max(level.links, level.nested) > MAX_LINKS or level.subscripts > MAX_SUBSCRIPTS:
        raise refused("too_long_chain", token.position)
