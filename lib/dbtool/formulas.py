"""Reads the condition of a write as a formula."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from lib.dbtool.logic import (
    COMPARED,
    MIRRORED,
    Comparisons,
    Formula,
    constant,
    every,
    first_holding,
    first_known,
    known_as,
    negated,
    ordered,
    some,
)
from lib.dbtool.patterns import is_pattern_operator, matches_all
from lib.dbtool.second import Node, name_of, only
from lib.dbtool.shapes import elements, is_boolean, is_boolean_type, pattern, truth
from lib.dbtool.subqueries import array_query, subquery
from lib.dbtool.terms import Target, Terms, is_null

_TESTS = {
    "IS_TRUE": (True, False),
    "IS_NOT_TRUE": (True, True),
    "IS_FALSE": (False, False),
    "IS_NOT_FALSE": (False, True),
    "IS_UNKNOWN": (None, False),
    "IS_NOT_UNKNOWN": (None, True),
}

_NULL: Node = {"A_Const": {"isnull": True}}
_ONE: Node = {"ival": {"ival": 1}}
_NOUGHT: Node = {"ival": {}}
_GREATEST = "IS_GREATEST"
_CHOOSING = frozenset({"A_Expr", "CaseExpr", "CoalesceExpr", "MinMaxExpr", "TypeCast"})
_MOST_CHOICES = 32  # each doubles what is compared


class Formulas:
    """Reads conditions on one target."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.terms = Terms(target)
        self._choices = _MOST_CHOICES
        self._comparisons = Comparisons(self.terms)
        self.variables = self._comparisons.variables

    @property
    def size(self) -> int:
        """What one evaluation of the formulas read so far costs, in comparisons."""
        return self._comparisons.size

    @contextmanager
    def also_called(self, name: str) -> Iterator[None]:
        """For what is read meanwhile, `name` means the target's own row as well."""
        outer = self.target
        self.target = self.terms.target = replace(outer, also=outer.also | {name})
        try:
            yield
        finally:
            self.target = self.terms.target = outer

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
                return subquery(self, node, wrapped)
            case "CaseExpr":
                return self._first(self._cases(node), self.read)
            case "CoalesceExpr":
                return first_known([self.read(item) for item in node["args"]])
            case _:
                return self.truth_of(wrapped)

    def truth_of(self, wrapped: Node) -> Formula:
        """What is a truth itself, by its term."""
        return self._comparisons.truth_of(self.terms.term(wrapped))

    def _comparison(self, node: Node, wrapped: Node) -> Formula:
        """An operator between two things, or one of its relatives."""
        name = name_of(node["name"])[1]
        name = "<>" if name == "!=" else name
        left, right = node.get("lexpr"), node.get("rexpr", {})
        match node["kind"]:
            case "AEXPR_OP" if left is not None and name in COMPARED:
                return self.compare(name, left, right)
            case "AEXPR_DISTINCT" | "AEXPR_NOT_DISTINCT" if left is not None:
                formula = self._distinct(left, right)
                return formula if node["kind"] == "AEXPR_DISTINCT" else negated(formula)
            case "AEXPR_IN" if left is not None:
                formula = self._any("=", left, only(right)[1]["items"])
                return negated(formula) if name == "<>" else formula
            case "AEXPR_OP_ANY" | "AEXPR_OP_ALL" if left is not None and name in COMPARED:
                items = elements(right)
                select = array_query(right)
                if items is not None:
                    if node["kind"] == "AEXPR_OP_ANY":
                        return self._any(name, left, items)
                    return every([self.compare(name, left, element) for element in items])
                if select is not None and node["kind"] == "AEXPR_OP_ANY":
                    link = {"subLinkType": "ANY_SUBLINK", "testexpr": left, "operName": node["name"]}
                    return subquery(self, link | {"subselect": select}, wrapped)
            case "AEXPR_BETWEEN" | "AEXPR_NOT_BETWEEN" | "AEXPR_BETWEEN_SYM" | "AEXPR_NOT_BETWEEN_SYM" if left:
                return self._between(node["kind"], left, only(right)[1]["items"])
            case "AEXPR_NULLIF":
                return self._first(self._unless_equal(node), self.read)
            case "AEXPR_LIKE" | "AEXPR_ILIKE" | "AEXPR_SIMILAR" | "AEXPR_OP" if left and is_pattern_operator(name):
                text = pattern(right, self.terms.term)
                if text is not None and matches_all(name, text, similar=node["kind"] == "AEXPR_SIMILAR"):
                    return self._matched(left, matches=not name.startswith("!"))
            case _:
                pass
        return self._other(name, node, wrapped)

    def _other(self, name: str, node: Node, wrapped: Node) -> Formula:
        """An operator that is not read further, but for a thing compared with itself."""
        if (name == "@>" and _is_empty(node["rexpr"])) or (name == "<@" and _is_empty(node["lexpr"])):
            return constant(True)
        if "lexpr" in node and str(self.terms.term(node["lexpr"])) == str(self.terms.term(node["rexpr"])):
            return constant(True)
        if node["kind"] == "AEXPR_OP_ALL" and name == "<>":
            return negated(self.opaque(node | {"kind": "AEXPR_OP_ANY", "name": [{"String": {"sval": "="}}]}))
        if node["kind"] != "AEXPR_OP":
            return self.opaque(node)
        return self._comparisons.truth_of(self.terms.term(wrapped))

    def opaque(self, node: Node) -> Formula:
        """What is not read further: some truth, that varies by row when a column of the target is in it."""
        return self._comparisons.truth_of(self.terms.opaque(node))

    def compare(self, name: str, left: Node, right: Node) -> Formula:
        """`left name right` for one of COMPARED."""
        (left_kind, left_node), (right_kind, right_node) = only(left), only(right)
        if left_kind == right_kind == "RowExpr":
            return self._rows(name, [*zip(left_node.get("args", ()), right_node.get("args", ()), strict=False)])
        if is_boolean(left) or is_boolean(right):
            return ordered(COMPARED[name], self.read(left), self.read(right))
        if is_null(left) or is_null(right):
            return constant(None)
        this_term, other_term = self.terms.term(left), self.terms.term(right)
        if _CHOOSING & {left_kind, right_kind} and str(this_term) != str(other_term):
            for this, other, operator in ((left, right, name), (right, left, MIRRORED.get(name, name))):
                chosen = self._chosen(operator, this, other)
                if chosen is not None:
                    return chosen
        return self._comparisons.compare(name, this_term, other_term)

    def _rows(self, name: str, pairs: Sequence[tuple[Node, Node]]) -> Formula:
        """Two rows compared: `<` and its like go by the first columns that differ."""
        equal = [self.compare("=", first, second) for first, second in pairs]
        if name in {"=", "<>"}:
            return every(equal) if name == "=" else negated(every(equal))
        ahead = [self.compare(name[0], first, second) for first, second in pairs]
        found = [every([*equal[:place], formula]) for place, formula in enumerate(ahead)]
        return some([*found, every(equal)] if name.endswith("=") else found)

    def _chosen(self, name: str, this: Node, other: Node) -> Formula | None:
        """A comparison with what CASE, COALESCE, GREATEST or LEAST chooses, by what there is to choose from."""
        kind, node = only(this)
        branches = self._branches(kind, node)
        if branches is None or self._choices == 0 or (kind == "MinMaxExpr" and name in {"=", "<>"}):
            return None
        self._choices -= 1
        if kind == "MinMaxExpr":
            formulas = [self.compare(name, item, other) for item in node["args"]]
            return (some if (name[0] == ">") == (node.get("op", _GREATEST) == _GREATEST) else every)(formulas)
        return self._first(branches, lambda result: self.compare(name, result, other))

    def _branches(self, kind: str, node: Node) -> list[tuple[Formula, Node]] | None:
        """What an expression chooses from, each with when it does so, the first that holds; None if it does not."""
        match kind:
            case "CaseExpr":
                return self._cases(node)
            case "CoalesceExpr":
                return [(negated(self._null(item)), item) for item in node["args"]]
            case "A_Expr" if node["kind"] == "AEXPR_NULLIF":
                return self._unless_equal(node)
            case "TypeCast" if is_boolean(node["arg"]) and not is_boolean_type(node):
                holds = self.read(node["arg"])
                text = name_of(node["typeName"]["names"])[1] in {"text", "varchar"}
                yes, no = ({"sval": {"sval": "true"}}, {"sval": {"sval": "false"}}) if text else (_ONE, _NOUGHT)
                return [(holds, {"A_Const": yes}), (negated(holds), {"A_Const": no})]
            case "MinMaxExpr":
                return []
            case _:
                return None

    def _unless_equal(self, node: Node) -> list[tuple[Formula, Node]]:
        """NULLIF as a choice."""
        return [(self.compare("=", node["lexpr"], node["rexpr"]), _NULL), (constant(True), node["lexpr"])]

    def _first(self, branches: Sequence[tuple[Formula, Node]], read: Callable[[Node], Formula]) -> Formula:
        return first_holding([(holds, read(result)) for holds, result in branches])

    def _any(self, name: str, left: Node, items: Sequence[Node]) -> Formula:
        """`left name any (items)`."""
        if (
            name == "="
            and only(left)[0] != "RowExpr"
            and all("A_Const" in item for item in items)
            and not any(map(is_boolean, [left, *items]))
        ):
            plain = [self.terms.term(item) for item in items if not is_null(item)]
            formula = self._comparisons.member(self.terms.term(left), plain)
            if formula is not None:
                return some([formula, constant(None)]) if len(plain) < len(items) else formula
        return some([self.compare(name, left, item) for item in items])

    def _distinct(self, left: Node, right: Node) -> Formula:
        for one, other in ((left, right), (right, left)):
            if is_null(one):
                return negated(self._null(other))
        return self.compare("<>", left, right)

    def _between(self, kind: str, left: Node, bounds: Sequence[Node]) -> Formula:
        low, high = bounds
        formula = every([self.compare(">=", left, low), self.compare("<=", left, high)])
        if "SYM" in kind:
            formula = some([formula, every([self.compare(">=", left, high), self.compare("<=", left, low)])])
        return negated(formula) if "NOT" in kind else formula

    def _matched(self, left: Node, *, matches: bool) -> Formula:
        """A pattern that all texts match: only null does not."""
        null = self._comparisons.null(self.terms.term(left))
        return lambda values: None if null(values) else matches

    def _null(self, wrapped: Node) -> Formula:
        """`wrapped is null`."""
        if is_null(wrapped):
            return constant(True)
        if is_boolean(wrapped):
            return known_as(self.read(wrapped), None)
        kind, node = only(wrapped)
        if kind == "A_Expr" and node["kind"] == "AEXPR_NULLIF":
            return some([self._null(node["lexpr"]), self.compare("=", node["lexpr"], node["rexpr"])])
        if kind == "CoalesceExpr":
            return every([self._null(item) for item in node["args"]])
        return self._comparisons.null(self.terms.term(wrapped))

    def _cases(self, node: Node) -> list[tuple[Formula, Node]]:
        """The branches of CASE, ELSE among them."""
        branches: list[tuple[Formula, Node]] = []
        for item in node["args"]:
            when = item["CaseWhen"]
            holds = self.compare("=", node["arg"], when["expr"]) if "arg" in node else self.read(when["expr"])
            branches.append((holds, when["result"]))
        return [*branches, (constant(True), node.get("defresult", _NULL))]


def _is_empty(wrapped: Node) -> bool:
    """Whether this is an array or JSON with nothing in it, which all others contain."""
    return elements(wrapped) == [] or wrapped.get("A_Const", {}).get("sval", {}).get("sval") == "[]"
