"""Reads a subquery in the condition of a write: whether it is certain to find, or to return, the row in question."""

from itertools import repeat
from typing import TYPE_CHECKING, Any

from lib.dbtool.logic import COMPARED, Formula, constant, some
from lib.dbtool.second import Node, name_of, only
from lib.dbtool.terms import is_plain

if TYPE_CHECKING:
    from lib.dbtool.formulas import Formulas

# A subquery with one of these may leave out rows that its WHERE lets through.
_SELECTIVE = frozenset({"havingClause", "limitCount", "limitOffset", "withClause"})
_OR_EQUAL = frozenset({"=", "<=", ">="})


def subquery(formulas: "Formulas", node: Node, wrapped: Node) -> Formula:
    """The formula of EXISTS, IN and ANY over a subquery, or of one that is a truth itself."""
    select = node["subselect"].get("SelectStmt", {})
    match node["subLinkType"]:
        case "EXISTS_SUBLINK":
            return _exists(formulas, select)
        case "ANY_SUBLINK":
            name = name_of(node["operName"])[1] if "operName" in node else "="
            return _any(formulas, node, select, name)
        case "EXPR_SUBLINK" if is_plain(select) and len(select.get("targetList", ())) == 1:
            return formulas.read(select["targetList"][0]["ResTarget"]["val"])
        case "EXPR_SUBLINK":
            return formulas.truth_of(wrapped)
        case _:
            return formulas.opaque(node)


def _exists(formulas: "Formulas", select: Node) -> Formula:
    if is_plain(select):
        return constant(True)
    if set(select) == {"targetList", "whereClause", "limitOption", "op"}:
        return formulas.read(select["whereClause"])
    if select.get("op") == "SETOP_UNION":
        return some([_exists(formulas, select["larg"]), _exists(formulas, select["rarg"])])
    without_targets = {name: value for name, value in select.items() if name != "targetList"}
    limited = {name: value for name, value in select.items() if name != "limitCount" or _is_nothing(value)}
    return some([_own_row(formulas, limited), formulas.opaque({"exists": without_targets})])


def _any(formulas: "Formulas", node: Node, select: Node, name: str) -> Formula:
    """`testexpr name any (select)`."""
    if name in COMPARED and select.get("op") == "SETOP_UNION":
        return some([_any(formulas, node, select[half], name) for half in ("larg", "rarg")])
    targets = select.get("targetList", [])
    if is_plain(select) and len(targets) == 1 and name in COMPARED:
        return formulas.compare(name, node["testexpr"], targets[0]["ResTarget"]["val"])
    if "valuesLists" in select and name in COMPARED and only(node["testexpr"])[0] != "RowExpr":
        rows = [row["List"]["items"][0] for row in select["valuesLists"]]
        return some([formulas.compare(name, node["testexpr"], value) for value in rows])
    if name in _OR_EQUAL and targets:
        values = [target["ResTarget"].get("val", {}) for target in targets]
        return some([_returned(formulas, select, values, node["testexpr"]), formulas.opaque(node | {"of": select})])
    return formulas.opaque(node | {"of": select})


def _returned(formulas: "Formulas", select: Node, values: list[Node], tested: Node) -> Formula:
    """When a subquery is certain to return what is tested for the row in question: its columns, and equal constants."""
    kind, row = only(tested)
    wanted: list[Node] = row.get("args", []) if kind == "RowExpr" else [tested]
    if len(wanted) != len(values) or not all(map(_is_same, repeat(formulas), values, wanted)):
        return constant(False)
    columns = [value["ColumnRef"] for value in values if "ColumnRef" in value]
    if not columns:
        return constant(False)
    reaches = all(formulas.terms.reaches_out(select, column) for column in columns)
    return constant(True) if reaches else _own_row(formulas, select)


def _is_same(formulas: "Formulas", value: Node, wanted: Node) -> bool:
    """Whether a subquery's column is called as the target's, or is the same constant."""
    if "ColumnRef" not in wanted or "ColumnRef" not in value:
        return "A_Const" in wanted and "A_Const" in value and _same_constant(wanted["A_Const"], value["A_Const"])
    column = wanted["ColumnRef"]
    return bool(value["ColumnRef"]["fields"][-1] == column["fields"][-1]) and formulas.target.owns(column)


def _own_row(formulas: "Formulas", select: Node) -> Formula:
    """When a subquery on the target's own table is certain to find the very row in question."""
    items = select.get("fromClause", [])
    scan = items[0].get("RangeVar", {}) if len(items) == 1 else {}
    # DISTINCT keeps a row of each kind, and so does GROUP BY; DISTINCT ON does not
    selective = set(select) & _SELECTIVE or select.get("distinctClause", [{}]) != [{}]
    if scan.get("relname") != formulas.target.node["relname"] or selective:
        return constant(False)
    if "whereClause" not in select:
        return constant(True)
    alias = scan.get("alias", {}).get("aliasname", scan["relname"])
    with formulas.also_called(alias):
        return formulas.read(select["whereClause"])


def _is_nothing(limit: Node) -> bool:
    """Whether a LIMIT may be 0: only a plain number, which PostgreSQL's tree leaves out if it is 0, tells."""
    return not limit.get("A_Const", {}).get("ival")


def _same_constant(one: Node, other: Node) -> bool:
    return {**one, "location": 0} == {**other, "location": 0}


def array_query(wrapped: Node) -> Any:
    """The subquery of ARRAY(SELECT …), perhaps cast; None when it is no such thing."""
    kind, node = only(wrapped)
    if kind == "TypeCast":
        return array_query(node["arg"])
    return node["subselect"] if kind == "SubLink" and node["subLinkType"] == "ARRAY_SUBLINK" else None
