"""PostgreSQL's own parser (libpg_query, its version 17) reads the statement; every node must be on the allow-list."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lib.dbtool.grammar import GRAMMAR, PLAIN, SPEAKING
from lib.dbtool.names import functions, types
from lib.dbtool.source import Source

if TYPE_CHECKING:
    from lib.dbtool.catalog import Catalog

type Node = dict[str, Any]

STATEMENTS = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


# What PostgreSQL 17 reads as syntax, an older server takes for a call of a function of that name.
_KEYWORD_CALLS = {
    "JsonArrayAgg": {"json_arrayagg"},
    "JsonArrayConstructor": {"json_array"},
    "JsonArrayQueryConstructor": {"json_array"},
    "JsonFuncExpr": {"json_exists", "json_query", "json_value"},
    "JsonObjectAgg": {"json_objectagg"},
    "JsonObjectConstructor": {"json_object"},
    "JsonParseExpr": {"json"},
    "JsonScalarExpr": {"json_scalar"},
    "JsonSerializeExpr": {"json_serialize"},
    "JsonTable": {"json_table"},
    "MergeSupportFunc": {"merge_action"},
}


def parse(source: Source) -> tuple[str, Node]:
    """The one statement's kind and its tree; raises QueryRefused when it is none of STATEMENTS."""
    import pgparse

    try:
        trees = pgparse.parse(source.text)
    except pgparse.PGQueryError as error:
        message, position = _told(error)
        raise source.refused("syntax", position, message) from None
    except RecursionError:
        raise source.refused("too_deep", 0) from None
    if len(trees) != 1:
        raise source.refused("more_than_one_statement" if trees else "empty", 0)
    ((kind, tree),) = trees[0]["stmt"].items()
    if kind not in STATEMENTS:
        raise source.refused("statement", 0)
    return kind, tree


def _told(error: Exception) -> tuple[str, int]:
    """The parser's sentence about a syntax error, and the byte it points at."""
    message = str(getattr(error, "message", None) or error.args[0])
    position = getattr(error, "position", None) or 1
    sentence, _, _ = message.partition(" at position ")
    return f"PostgreSQL cannot read this: {sentence}.", int(position) - 1


def nodes(kind: str, tree: Node, source: Source) -> Iterator[tuple[str, Node, int]]:
    """All nodes below, each with its kind and the nearest place; raises QueryRefused for what the grammar lacks."""
    waiting: list[tuple[str, Any, int]] = [(kind, tree, 0)]
    while waiting:
        kind, node, place = waiting.pop()
        fields = GRAMMAR.get(kind)
        if fields is None:
            raise source.refused(SPEAKING.get(kind, "not_allowed"), place)
        at = node.get("location", place)
        if at >= 0:
            place = at
        yield kind, node, place
        if kind == "MultiAssignRef" and node.get("colno") != 1:
            continue  # the tree repeats the one source for each column
        for name, value in node.items():
            inner = fields.get(name)
            if inner is None:
                raise source.refused(SPEAKING.get(name, "not_allowed"), place)
            if inner:
                waiting.append((inner, value, place))
            elif isinstance(value, dict | list) and name not in PLAIN:
                _unpack(value, place, waiting)


def _unpack(value: Any, place: int, waiting: list[tuple[str, Any, int]]) -> None:
    """Puts what a field holds, one node or a list of them, among the nodes that wait."""
    for item in value if isinstance(value, list) else [value]:
        # an absent item of a list is an empty object
        for kind, node in item.items():
            waiting.append((kind, node, place))


def name_of(parts: list[Node]) -> tuple[str | None, str]:
    """A possibly qualified name: its schema or None, and the name itself; three parts make the schema unusable."""
    words = [part["String"].get("sval", "") for part in parts]
    return (".".join(words[:-1]) or None), words[-1]


def check(kind: str, node: Node, place: int, source: Source, catalog: "Catalog") -> None:
    """Refuses a call, a cast, an operator or a sample that is not on its list."""
    match kind:
        case "FuncCall":
            schema, name = name_of(node["funcname"])
            known = schema in {None, "pg_catalog"} and name in functions() and name not in catalog.own_functions
            if not known or (catalog.domains and "_populate_record" in name and not _names_type(node)):
                raise source.refused("function", place, f"The function {name} is not one that can be called here.")
        case "TypeName":
            schema, name = name_of(node["names"])
            if not _may_cast(schema, name, catalog):
                raise source.refused("type", place, f"Values are not cast to the type {name}.")
        case "A_Expr" | "SubLink":
            parts = node.get("name" if kind == "A_Expr" else "operName", ())
            if len(parts) > 1:
                raise source.refused("operator_name", place)
        case "RangeTableSample":
            if name_of(node["method"]) not in {(None, "system"), (None, "bernoulli")}:
                raise source.refused("function", place)
        case _ if _KEYWORD_CALLS.get(kind, set()) & catalog.functions:
            raise source.refused("function", place)
        case _:
            pass


def _names_type(node: Node) -> bool:
    """Whether a call's first argument is a cast: then the type is one that is judged by itself."""
    return "TypeCast" in (node.get("args") or [{}])[0]


def _may_cast(schema: str | None, name: str, catalog: "Catalog") -> bool:
    """Whether a value may be cast to this type: a built-in one, or one of the catalog's that is no domain."""
    if schema in {None, "pg_catalog"} and name in types():
        return schema is not None or name not in catalog.domains
    return name in catalog.types and (schema is None or schema in catalog.schemas)


def called(node: Node) -> str | None:
    """The name that a FuncCall is written with, None when its own syntax (EXTRACT, AT TIME ZONE …) names it."""
    if node.get("funcformat") == "COERCE_SQL_SYNTAX":
        return None
    return name_of(node["funcname"])[1]


def only(wrapped: Mapping[str, Any]) -> tuple[str, Node]:
    """The kind and the node of a wrapped node."""
    ((kind, node),) = wrapped.items()
    return kind, node
