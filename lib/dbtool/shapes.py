"""What an expression of PostgreSQL's tree looks like: a truth, a constant, a list, a pattern."""

from collections.abc import Callable
from typing import Any

from lib.dbtool.logic import COMPARED
from lib.dbtool.names import types
from lib.dbtool.second import Node, name_of, only
from lib.dbtool.sums import Term

_TRUE = frozenset({"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"})
_BOOLEAN_KINDS = frozenset({"BoolExpr", "BooleanTest", "NullTest"})
_SCALARS = _BOOLEAN_KINDS | {"A_Const", "A_Expr", "CollateClause", "SQLValueFunction"}
_BOOLEAN_LINKS = frozenset({"EXISTS_SUBLINK", "ANY_SUBLINK", "ALL_SUBLINK"})


def truth(node: Node) -> bool:
    """A constant as a truth: its text, or whether its number is not 0."""
    for name in ("boolval", "ival", "fval", "sval"):
        if name in node:
            value: Any = node[name].get(name, "" if name == "sval" else 0)
            return value.strip().lower() in _TRUE if isinstance(value, str) else bool(value)
    return True


def is_boolean_type(node: Node) -> bool:
    """Whether a cast is one to a truth."""
    return "arrayBounds" not in node["typeName"] and name_of(node["typeName"]["names"])[1] in {"bool", "boolean"}


def is_boolean(wrapped: Node) -> bool:
    """Whether an expression is a truth by its looks."""
    kind, node = only(wrapped)
    match kind:
        case "A_Const":
            return "boolval" in node
        case "TypeCast":
            return is_boolean_type(node)
        case "SubLink":
            return node["subLinkType"] in _BOOLEAN_LINKS
        case "A_Expr":
            if node["kind"] == "AEXPR_NULLIF":
                return is_boolean(node["lexpr"])
            return node["kind"] != "AEXPR_OP" or name_of(node["name"])[1] in COMPARED
        case _:
            return kind in _BOOLEAN_KINDS


def is_scalar(kind: str, node: Node) -> bool:
    """Whether an expression has no fields by its looks: what follows its dot is a call."""
    match kind:
        case "TypeCast":
            return name_of(node["typeName"]["names"])[1] in types()
        case "A_Indirection":
            return is_scalar(*only(node["arg"]))
        case _:
            return kind in _SCALARS


def elements(wrapped: Node) -> list[Node] | None:
    """The elements of ARRAY[…] or '{}', perhaps cast; None when it is no such thing."""
    kind, node = only(wrapped)
    if kind == "TypeCast":
        return elements(node["arg"])
    if kind == "A_Const" and node.get("sval", {}).get("sval", "").strip() == "{}":
        return []
    return list(node.get("elements", [])) if kind == "A_ArrayExpr" else None


def pattern(wrapped: Node, term: Callable[[Node], Term]) -> str | None:
    """A pattern that is a constant; that of SIMILAR TO, and one with ESCAPE, stands within a call."""
    kind, node = only(wrapped)
    if kind == "FuncCall" and name_of(node["funcname"])[1] in {"similar_to_escape", "like_escape"}:
        return pattern(node["args"][0], term)
    value = term(wrapped)
    return value.text or str(value.constant) if value.word is None and not value.parts else value.word
