"""Reads the condition of a write as a formula."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from lib.dbtool.logic import (
    COMPARED,
    MIRRORED,
    Comparisons,
    Formula,
    Values,
    constant,
    every,
    known_as,
    negated,
    same,
    some,
)
from lib.dbtool.second import Node, name_of, only
from lib.dbtool.shapes import elements, is_boolean, is_boolean_type, pattern, truth
from lib.dbtool.terms import Target, Terms, is_null, is_plain

_ANY_LIKE = re.compile(r"%+")
_ANY_REGEX = re.compile(r"\^?(\((\?:)?)?((\.|\[\\s\\S\])(\*|\{0,\})\??)?\)?\$?")
# By operator: the patterns that every text matches. SIMILAR TO is called `~` as well; there `%` is any text.
_PATTERNS = {
    **dict.fromkeys(("~~", "!~~", "~~*", "!~~*"), _ANY_LIKE),
    **dict.fromkeys(("~", "!~", "~*", "!~*"), re.compile(f"{_ANY_REGEX.pattern}|{_ANY_LIKE.pattern}")),
}
_TESTS = {
    "IS_TRUE": (True, False),
    "IS_NOT_TRUE": (True, True),
    "IS_FALSE": (False, False),
    "IS_NOT_FALSE": (False, True),
    "IS_UNKNOWN": (None, False),
    "IS_NOT_UNKNOWN": (None, True),
}
# A subquery with one of these may leave out rows that its WHERE lets through.
_SELECTIVE = frozenset(
    {"groupClause", "havingClause", "limitCount", "limitOffset", "distinctClause", "larg", "withClause"}
)


_MOST_CHOICES = 32  # each doubles what is compared


class Formulas:
    """Reads conditions on one target."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._terms = Terms(target)
        self._choices = _MOST_CHOICES
        self._comparisons = Comparisons(self._terms)
        self.variables = self._comparisons.variables

    @property
    def size(self) -> int:
        """What one evaluation of the formulas read so far costs, in comparisons."""
        return self._comparisons.size

    def read(self, wrapped: Node) -> Formula:
        """The formula of a condition."""
        kind, node = only(wrapped)
        match kind:
            case "A_Const":
                return constant(None if "isnull" in node else truth(node))
            case "TypeCast" if is_boolean_type(node):
                inner, value = only(node["arg"])
                return (
                    constant(truth(value))
                    if inner == "A_Const" and not is_null(node["arg"])
                    else self.read(node["arg"])
                )
            case "BoolExpr":
                inner_formulas = [self.read(item) for item in node["args"]]
                combine = {"AND_EXPR": every, "OR_EXPR": some}.get(node["boolop"])
                return combine(inner_formulas) if combine else negated(inner_formulas[0])
            case "BooleanTest":
                tested, wrong = _TESTS[node["booltesttype"]]
                formula = known_as(self.read(node["arg"]), tested)
                return negated(formula) if wrong else formula
            case "NullTest":
                formula = self._null(node["arg"])
                return formula if node.get("nulltesttype", "IS_NULL") == "IS_NULL" else negated(formula)
            case "CollateClause":
                return self.read(node["arg"])
            case "A_Expr":
                return self._comparison(node, wrapped)
            case "SubLink":
                return self._subquery(node, wrapped)
            case "CaseExpr":
                return self._case(node, self.read)
            case "CoalesceExpr":
                return _first_known([self.read(item) for item in node["args"]])
            case _:
                return self._comparisons.truth_of(self._terms.term(wrapped))

    def _comparison(self, node: Node, wrapped: Node) -> Formula:
        """An operator between two things, or one of its relatives."""
        name = name_of(node["name"])[1]
        name = "<>" if name == "!=" else name
        left, right = node.get("lexpr"), node.get("rexpr", {})
        match node["kind"]:
            case "AEXPR_OP" if left is not None and name in COMPARED:
                return self._compare(name, left, right)
            case "AEXPR_DISTINCT" | "AEXPR_NOT_DISTINCT" if left is not None:
                formula = self._distinct(left, right)
                return formula if node["kind"] == "AEXPR_DISTINCT" else negated(formula)
            case "AEXPR_IN" if left is not None:
                formula = self._any("=", left, only(right)[1]["items"])
                return negated(formula) if name == "<>" else formula
            case "AEXPR_OP_ANY" | "AEXPR_OP_ALL" if left is not None and name in COMPARED:
                items = elements(right)
                if items is not None:
                    if node["kind"] == "AEXPR_OP_ANY":
                        return self._any(name, left, items)
                    return every([self._compare(name, left, element) for element in items])
            case "AEXPR_BETWEEN" | "AEXPR_NOT_BETWEEN" | "AEXPR_BETWEEN_SYM" | "AEXPR_NOT_BETWEEN_SYM" if left:
                return self._between(node["kind"], left, only(right)[1]["items"])
            case "AEXPR_LIKE" | "AEXPR_ILIKE" | "AEXPR_SIMILAR" | "AEXPR_OP" if left is not None and name in _PATTERNS:
                text = pattern(right)
                if text is not None and _PATTERNS[name].fullmatch(text):
                    return self._matched(left, matches=not name.startswith("!"))
            case _:
                pass
        return self._other(name, node, wrapped)

    def _other(self, name: str, node: Node, wrapped: Node) -> Formula:
        """An operator that is not read further, but for a thing compared with itself."""
        if "lexpr" in node and str(self._terms.term(node["lexpr"])) == str(self._terms.term(node["rexpr"])):
            return constant(True)
        if node["kind"] == "AEXPR_OP_ALL" and name == "<>":
            return negated(self._opaque(node | {"kind": "AEXPR_OP_ANY", "name": [{"String": {"sval": "="}}]}))
        if node["kind"] != "AEXPR_OP":
            return self._opaque(node)
        return self._comparisons.truth_of(self._terms.term(wrapped))

    def _opaque(self, node: Node) -> Formula:
        """What is not read further: some truth, that varies by row when a column of the target is in it."""
        return self._comparisons.truth_of(self._terms.opaque(node))

    def _compare(self, name: str, left: Node, right: Node) -> Formula:
        """`left name right` for one of COMPARED."""
        (left_kind, left_node), (right_kind, right_node) = only(left), only(right)
        if left_kind == right_kind == "RowExpr" and name in {"=", "<>"}:
            pairs = zip(left_node.get("args", ()), right_node.get("args", ()), strict=False)
            formula = every([self._compare("=", first, second) for first, second in pairs])
            return formula if name == "=" else negated(formula)
        if name in {"=", "<>"} and (is_boolean(left) or is_boolean(right)):
            formula = same(self.read(left), self.read(right))
            return formula if name == "=" else negated(formula)
        if is_null(left) or is_null(right):
            return constant(None)
        if str(self._terms.term(left)) != str(self._terms.term(right)):
            for this, other, operator in ((left, right, name), (right, left, MIRRORED.get(name, name))):
                chosen = self._chosen(operator, this, other)
                if chosen is not None:
                    return chosen
        return self._comparisons.compare(name, self._terms.term(left), self._terms.term(right))

    def _chosen(self, name: str, this: Node, other: Node) -> Formula | None:
        """A comparison with what CASE, COALESCE, GREATEST or LEAST chooses, by what there is to choose from."""
        kind, node = only(this)
        if kind == "MinMaxExpr":
            bounds = name == (">=" if node.get("op", "IS_GREATEST") == "IS_GREATEST" else "<=")
            among = str(self._terms.term(other)) in {str(self._terms.term(item)) for item in node["args"]}
            return constant(True) if bounds and among else None
        if kind not in {"CaseExpr", "CoalesceExpr"} or self._choices == 0:
            return None
        self._choices -= 1
        if kind == "CaseExpr":
            return self._case(node, lambda result: self._compare(name, result, other))
        items = node["args"]
        return _first_holding([(negated(self._null(item)), self._compare(name, item, other)) for item in items])

    def _any(self, name: str, left: Node, items: Sequence[Node]) -> Formula:
        """`left name any (items)`."""
        if (
            name == "="
            and only(left)[0] != "RowExpr"
            and all("A_Const" in item for item in items)
            and not any(map(is_boolean, [left, *items]))
        ):
            plain = [self._terms.term(item) for item in items if not is_null(item)]
            formula = self._comparisons.member(self._terms.term(left), plain)
            if formula is not None:
                return some([formula, constant(None)]) if len(plain) < len(items) else formula
        return some([self._compare(name, left, item) for item in items])

    def _distinct(self, left: Node, right: Node) -> Formula:
        for one, other in ((left, right), (right, left)):
            if is_null(one):
                return negated(self._null(other))
        return self._compare("<>", left, right)

    def _between(self, kind: str, left: Node, bounds: Sequence[Node]) -> Formula:
        low, high = bounds
        formula = every([self._compare(">=", left, low), self._compare("<=", left, high)])
        if "SYM" in kind:
            formula = some([formula, every([self._compare(">=", left, high), self._compare("<=", left, low)])])
        return negated(formula) if "NOT" in kind else formula

    def _matched(self, left: Node, *, matches: bool) -> Formula:
        """A pattern that all texts match: only null does not."""
        null = self._comparisons.null(self._terms.term(left))
        return lambda values: None if null(values) else matches

    def _null(self, wrapped: Node) -> Formula:
        """`wrapped is null`."""
        if is_null(wrapped):
            return constant(True)
        if is_boolean(wrapped):
            return known_as(self.read(wrapped), None)
        kind, node = only(wrapped)
        if kind == "A_Expr" and node["kind"] == "AEXPR_NULLIF":
            return some([self._null(node["lexpr"]), self._compare("=", node["lexpr"], node["rexpr"])])
        if kind == "CoalesceExpr":
            return every([self._null(item) for item in node["args"]])
        return self._comparisons.null(self._terms.term(wrapped))

    def _case(self, node: Node, read: Callable[[Node], Formula]) -> Formula:
        """CASE, its results read as truths."""
        branches: list[tuple[Formula, Formula]] = []
        for item in node["args"]:
            when = item["CaseWhen"]
            holds = self._compare("=", node["arg"], when["expr"]) if "arg" in node else self.read(when["expr"])
            branches.append((holds, read(when["result"])))
        otherwise = read(node["defresult"]) if "defresult" in node else constant(None)

        return _first_holding([*branches, (constant(True), otherwise)])

    def _subquery(self, node: Node, wrapped: Node) -> Formula:
        """EXISTS, IN and ANY over a subquery, or one that is a truth itself."""
        select = node["subselect"].get("SelectStmt", {})
        link, targets = node["subLinkType"], select.get("targetList", [])
        if link == "EXISTS_SUBLINK":
            if is_plain(select):
                return constant(True)
            if set(select) == {"targetList", "whereClause", "limitOption", "op"}:
                return known_as(self.read(select["whereClause"]), True)
            without_targets = {name: value for name, value in select.items() if name != "targetList"}
            return some([self._own_row(select), self._opaque({"exists": without_targets})])
        if link == "ANY_SUBLINK":
            name = name_of(node["operName"])[1] if "operName" in node else "="
            if is_plain(select) and len(targets) == 1 and name in COMPARED:
                return self._compare(name, node["testexpr"], targets[0]["ResTarget"]["val"])
            if name == "=" and len(targets) == 1:
                value = targets[0]["ResTarget"].get("val", {}).get("ColumnRef")
                return some([self._returned(select, value, node["testexpr"]), self._opaque(node)])
        if link == "EXPR_SUBLINK" and is_plain(select) and len(targets) == 1:
            return self.read(targets[0]["ResTarget"]["val"])
        if link == "EXPR_SUBLINK":
            return self._comparisons.truth_of(self._terms.term(wrapped))
        return self._opaque(node)

    def _returned(self, select: Node, value: Node | None, tested: Node) -> Formula:
        """When a subquery is certain to return the tested column itself, for the row in question."""
        kind, column = only(tested)
        if value is None or kind != "ColumnRef" or value["fields"][-1] != column["fields"][-1]:
            return constant(False)
        if not self._target.owns(column):
            return constant(False)
        return constant(True) if self._terms.reaches_out(select, value) else self._own_row(select)

    def _own_row(self, select: Node) -> Formula:
        """When a subquery on the target's own table is certain to find the very row in question."""
        items = select.get("fromClause", [])
        scan = items[0].get("RangeVar", {}) if len(items) == 1 else {}
        if scan.get("relname") != self._target.node["relname"] or set(select) & _SELECTIVE:
            return constant(False)
        if "whereClause" not in select:
            return constant(True)
        outer = self._target
        alias = scan.get("alias", {}).get("aliasname", scan["relname"])
        self._target = self._terms.target = replace(outer, also=alias)
        try:
            return known_as(self.read(select["whereClause"]), True)
        finally:
            self._target = self._terms.target = outer


def _first_holding(branches: Sequence[tuple[Formula, Formula]]) -> Formula:
    """The second of the first pair whose first holds."""

    def value(values: Values) -> bool | None:
        return next((result(values) for holds, result in branches if holds(values)), None)

    return value


def _first_known(formulas: Sequence[Formula]) -> Formula:
    """COALESCE over truths."""

    def value(values: Values) -> bool | None:
        return next((truth for formula in formulas if (truth := formula(values)) is not None), None)

    return value
