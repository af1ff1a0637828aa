"""sqlglot reads the copy: one tree, within a budget of steps, of allowed classes only, seen as PostgreSQL sees it.

Imported when a statement is judged, never before: sqlglot costs some 100 ms.
"""

import gc
from typing import Any

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.parsers.postgres import PostgresParser

from lib.dbtool.names import words
from lib.dbtool.source import Source
from lib.dbtool.view import View

_STEPS_PER_TOKEN = 60  # ordinary statements need 3 to 10; a parse that doubles per level needs thousands
_STEPS = 2_000

_ONE_READS = "PostgreSQL's grammar knows this statement, but the second parser does not."
_ROOTS = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Insert, exp.Update, exp.Delete, exp.Merge)
# The parsers stay for good: without this, a full collection in the midst of a decision walks them for 40 to 90 ms.
gc.freeze()

_DIALECT = Postgres()
_DIALECT.INDEX_OFFSET = 0  # else it types and simplifies every subscript again and again: 4 s for 300 of them


# What a tree may consist of; by name, so that the list can be read.
_CLASSES = words(
    """
    Add Alias Aliases All And Anonymous Any Array AtTimeZone Between BitString Boolean Bracket CTE Case Cast
    Collate Column ColumnDef Cube CurrentCatalog CurrentDate CurrentRole CurrentSchema CurrentTime
    CurrentTimestamp CurrentUser DPipe DataType DataTypeParam Delete Distinct Div Dot EQ Escape Except Exists
    Extract Fetch Filter From GT GTE Group GroupConcat GroupingSets Having HexString ILike Identifier If In
    Insert Intersect Interval IntervalSpan Is JSON JSONColumnDef JSONFormatJson JSONSchema JSONTable Join
    JSONKeyValue JSONObject Kwarg LT LTE Lateral Like Limit LimitOptions Literal Localtime Localtimestamp Merge
    Mul NEQ Neg Not Null NullSafeEQ NullSafeNEQ ObjectIdentifier Offset OnConflict Or Order Ordered Overlaps Overlay
    Paren PropertyEQ RecursiveWithSearch Returning Rollup Schema Select SessionUser SimilarTo Slice Star StrPosition
    Sub Subquery Substring Table TableAlias TableFromRows TableSample Trim Tuple Union Unnest Update Values Var
    Variadic When Whens Where Window WindowSpec With WithinGroup
    """
)
_COMMANDS: dict[type[exp.Expr], str] = {
    exp.Insert: "insert",
    exp.Update: "update",
    exp.Delete: "delete",
    exp.Merge: "merge",
    exp.Select: "select",
}


class _OverBudgetError(Exception):
    """The parser has gone back and forth too often."""


class _UnsupportedError(Exception):
    """sqlglot would keep the statement as opaque text."""


class _Parser(PostgresParser):
    """sqlglot's parser for PostgreSQL: it counts its steps and keeps every function as the name it is called by."""

    FUNCTIONS = {}  # noqa: RUF012 - a class of sqlglot's own: no function has a meaning of its own
    FUNCTION_PARSERS = {  # noqa: RUF012
        name: parse
        for name, parse in PostgresParser.FUNCTION_PARSERS.items()
        if name
        in {"CAST", "EXTRACT", "OVERLAY", "POSITION", "STRING_AGG", "SUBSTRING", "TRIM", "JSON_OBJECT", "JSON_TABLE"}
    }
    left = 0

    def _advance(self, times: int = 1) -> None:
        self.left -= 1
        if self.left < 0:
            raise _OverBudgetError
        super()._advance(times)

    def _warn_unsupported(self) -> None:
        raise _UnsupportedError  # the original writes the statement to the log


def view(source: Source, copy: str) -> View:
    """What sqlglot sees in the copy; raises QueryRefused when it cannot read it or meets what is not allowed."""
    try:
        tokens = _DIALECT.tokenize(copy)
        parser = _Parser(dialect=_DIALECT)
        parser.left = _STEPS + _STEPS_PER_TOKEN * len(tokens)
        trees = parser.parse(tokens, copy)
    except _OverBudgetError:
        raise source.refused("too_slow", 0) from None
    except (SqlglotError, _UnsupportedError, RecursionError) as error:
        raise source.refused("parsers_disagree", 0, _ONE_READS) from error
    if len(trees) != 1 or not isinstance(trees[0], _ROOTS):
        raise source.refused("parsers_disagree", 0)
    return _walk(trees[0], source)


def _walk(tree: exp.Expr, source: Source) -> View:
    """All nodes of the tree; refuses the classes that are not allowed."""
    seen = View()
    for node in tree.walk():
        if type(node).__name__ not in _CLASSES:
            raise source.refused("parsers_disagree", 0, f"{_ONE_READS} ({type(node).__name__})")
        if isinstance(node, exp.Table):
            if isinstance(node.this, exp.Identifier):
                seen.tables[_folded(node.args.get("db")), _folded(node.this)] += 1
        elif isinstance(node, exp.Anonymous):
            seen.functions[_folded(node.this)] += 1
        elif isinstance(node, exp.Unnest):
            seen.functions["unnest"] += 1
        elif isinstance(node, exp.CTE):
            seen.ctes[_folded(node.args["alias"].this)] += 1
        elif isinstance(node, exp.Where):
            seen.conditions += not isinstance(node.parent, exp.Filter)
        elif type(node) in _COMMANDS and not isinstance(node.parent, exp.When) and not _is_made_up(node):
            seen.commands[_COMMANDS[type(node)]] += 1
    return seen


def _is_made_up(node: exp.Expr) -> bool:
    """Whether sqlglot has added this SELECT itself: around VALUES in a WITH query or a union."""
    source = node.args.get("from_")
    values = source.this if source else None
    return isinstance(values, exp.Values) and values.alias == "_values"


def _folded(name: Any) -> str:
    """A name as PostgreSQL folds it: in lower case unless it is quoted."""
    if isinstance(name, exp.Identifier):
        return str(name.this) if name.quoted else str(name.this).lower()
    return str(name or "").lower()
