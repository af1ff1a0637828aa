"""What an expression of a condition is worth: a sum of things that vary and a constant, so that equals cancel out."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lib.dbtool.bounds import NEVER_NEGATIVE, Bounds, bounds_of
from lib.dbtool.names import words
from lib.dbtool.scopes import Relation, Scope, table
from lib.dbtool.second import Node, name_of, only
from lib.dbtool.sums import Term, difference, is_number, literal, scaled

if TYPE_CHECKING:
    from lib.dbtool.catalog import Catalog

# A cast to one of these keeps what a value compares as.
_WIDENING = words("int8 bigint numeric decimal text varchar float8")
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Target:
    """The table that a write changes: its name in the statement, its columns, and the names beside it."""

    name: str
    node: Node  # the RangeVar
    relation: Relation
    scope: Scope
    catalog: "Catalog"
    also: frozenset[str] = frozenset()  # more names for its rows: those of other scans of the same table

    @property
    def place(self) -> int:
        """Where the statement names it, as a byte."""
        return int(self.node.get("location", 0))

    def twins(self) -> frozenset[str]:
        """The names beside it that hold all of the same table's rows."""
        table = self.relation.all_of
        named = {name for name, other in self.scope.relations.items() if other.all_of == table is not None}
        return frozenset(named - {self.name})

    def owns(self, node: Node) -> bool:
        """Whether a ColumnRef directly in the condition means a column of this table."""
        fields = node["fields"]
        if len(fields) > 1:
            return fields[-2].get("String", {}).get("sval") in {self.name} | self.also
        name = fields[0].get("String", {}).get("sval")
        if self.relation.columns is not None:
            return name in self.relation.columns or name in {"ctid", self.name} | self.also
        others = [other for key, other in self.scope.relations.items() if key != self.name]
        return not any(other.columns is not None and name in other.columns for other in others)


type _Own = tuple[tuple[str, Relation], ...]


@dataclass(slots=True)
class Terms:
    """Reads expressions; remembers of each part whether it varies by row, may be null or is a text, and its bounds."""

    target: Target
    varying: set[str] = field(default_factory=set)
    nullable: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    bounds: dict[str, Bounds] = field(default_factory=dict)
    _short: dict[str, str] = field(default_factory=dict)

    def term(self, wrapped: Node) -> Term:
        """What an expression is worth."""
        kind, node = only(wrapped)
        match kind:
            case "A_Const":
                return literal(node)
            case "ColumnRef":
                return self._column(node)
            case "A_Indirection" if (column := self._field_of_row(node)) is not None:
                return self._column(column)
            case "TypeCast":
                inner, name = self.term(node["arg"]), name_of(node["typeName"]["names"])[1]
                plain = "arrayBounds" not in node["typeName"] and "typmods" not in node["typeName"]
                if plain and (name in _WIDENING or not inner.parts):
                    return inner
                return self._call(f"cast:{name}:{json.dumps(bare(node['typeName']))}", [inner])
            case "CollateClause":
                return self.term(node["arg"])
            case "A_Expr" if node["kind"] == "AEXPR_OP":
                return self._operation(node)
            case "FuncCall" | "CoalesceExpr" | "MinMaxExpr" | "RowExpr" | "A_ArrayExpr":
                return self._listed(kind, node)
            case "SubLink":
                return self._subquery(node)
            case _:
                spelled = json.dumps(self._spelled(node), sort_keys=True)
                return self._part(f"{kind}:{spelled}", varies=self.varies(node))

    def _column(self, node: Node) -> Term:
        names = [part.get("String", {}).get("sval", "*") for part in node["fields"]]
        if not self.target.owns(node):
            return self._part("other:" + ".".join(names), varies=False)
        relation = self.target.relation
        if (
            len(names) == 1
            and names[0] in {self.target.name} | self.target.also
            and names[0] not in (relation.columns or ())
        ):
            names = ["*"]
        nullable = names[-1] not in relation.required and names[-1] != "ctid"
        name = f"column:{names[-1]}"
        if names[-1] in relation.texts:
            self.texts.add(name)
        return self._part(name, varies=True, nullable=nullable)

    def _field_of_row(self, node: Node) -> Node | None:
        """The column that `(table).column` means."""
        kind, row = only(node["arg"])
        names = [part.get("String", {}).get("sval") for part in [*row.get("fields", ()), *node["indirection"]]]
        if kind != "ColumnRef" or len(names) != 2 or names[0] != self.target.name or names[1] is None:
            return None
        return {"fields": [*row["fields"], *node["indirection"]]}

    def _operation(self, node: Node) -> Term:
        name = name_of(node["name"])[1]
        right = self.term(node["rexpr"])
        if "lexpr" not in node:
            if name == "+":
                return right
            return scaled(right, Fraction(-1)) if name == "-" and right.word is None else self._call(name, [right])
        left = self.term(node["lexpr"])
        if is_number(left) and is_number(right):
            if name in {"+", "-"}:
                return difference(left, right if name == "-" else scaled(right, Fraction(-1)))
            if name == "*" and not (left.parts and right.parts):
                return scaled(right, left.constant) if not left.parts else scaled(left, right.constant)
            if name == "/" and not right.parts and right.constant == 1:
                return left
        if name == "||" and "" in {left.word, right.word}:
            return left if right.word == "" else right
        if name == "||" and left.word is not None and right.word is not None:
            return Term(word=left.word + right.word)
        result = self._call(name, sorted([left, right], key=str) if name == "*" else [left, right])
        if (name == "*" and str(left) == str(right)) or (name == "^" and not right.parts and right.constant % 2 == 0):
            self.bounds |= dict.fromkeys(result.parts, NEVER_NEGATIVE)
        return result

    def _listed(self, kind: str, node: Node) -> Term:
        """A call, a row or an array; of several equal things to choose from, the thing itself."""
        items: list[Node] = node.get("args") or node.get("elements") or []
        arguments = [self.term(item) for item in items]
        spelled = {str(argument) for argument in arguments}
        if kind in {"CoalesceExpr", "MinMaxExpr"} and len(spelled) == 1:
            return arguments[0]
        name = name_of(node["funcname"])[1] if kind == "FuncCall" else f"{kind}:{node.get('op', '')}"
        result = self._call(name, arguments)
        if kind in {"RowExpr", "A_ArrayExpr"}:
            self.nullable -= set(result.parts)
        return result

    def _subquery(self, node: Node) -> Term:
        """A scalar subquery: without FROM its one expression, else a value of its own."""
        select = node["subselect"].get("SelectStmt", {})
        targets = select.get("targetList", [])
        if node["subLinkType"] == "EXPR_SUBLINK" and len(targets) == 1 and is_plain(select):
            return self.term(targets[0]["ResTarget"]["val"])
        outer = targets[0]["ResTarget"].get("val", {}).get("ColumnRef") if len(targets) == 1 else None
        if outer and self.reaches_out(select, outer):
            return self._column(outer)
        result = self._part(f"query:{json.dumps(bare(node), sort_keys=True)}", varies=self.varies(node))
        call = targets[0]["ResTarget"].get("val", {}).get("FuncCall") if len(targets) == 1 else None
        if call and name_of(call["funcname"])[1] == "count":
            self.bounds |= dict.fromkeys(result.parts, NEVER_NEGATIVE)
        return result

    def reaches_out(self, select: Node, column: Node) -> bool:
        """Whether a subquery returns, by its qualified name, a column of the target itself."""
        own = tuple(self._named(select.get("fromClause", ())))
        return len(column["fields"]) > 1 and self._reaches(column, own)

    def _call(self, name: str, arguments: list[Term]) -> Term:
        varies = any(part in self.varying for argument in arguments for part in argument.parts)
        result = self._part(f"{name}({','.join(map(str, arguments))})", varies=varies)
        second = arguments[1] if len(arguments) == 2 else None
        number = second.constant if second and not second.parts and second.word is None else None
        if arguments and (bounds := bounds_of(name, arguments[0].word, number)):
            self.bounds |= dict.fromkeys(result.parts, bounds)
        return result

    def opaque(self, node: Node) -> Term:
        """A thing of its own that varies when a column of the target is in it; never null."""
        result = self._part(json.dumps(self._spelled(node), sort_keys=True), varies=self.varies(node))
        self.nullable -= set(result.parts)
        return result

    def _part(self, name: str, *, varies: bool, nullable: bool = True) -> Term:
        """A thing of its own. A long name is given a short one: quoted in the next, it would double with each level."""
        if len(name) > _LONGEST_NAME:
            name = self._short.setdefault(name, f"#{len(self._short)}")
        if varies:
            self.varying.add(name)
            if nullable:
                self.nullable.add(name)
        return Term({name: Fraction(1)})

    def _spelled(self, node: Any) -> Any:
        """A node without its places and with the names of the target's columns spelled one way."""
        if isinstance(node, list):
            return [self._spelled(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "ColumnRef" in node:
            return str(self._column(node["ColumnRef"]))
        return {name: self._spelled(value) for name, value in node.items() if name != "location"}

    def varies(self, node: Any) -> bool:
        """Whether any column of the target is named in here, subqueries' own names considered."""
        return any(self._reaches(reference, own) for reference, own in self._references(node, ()))

    def _references(self, node: Any, own: _Own) -> Iterator[tuple[Node, _Own]]:
        """All ColumnRefs in here, each with the relations of the subqueries around it."""
        if isinstance(node, list):
            for item in node:
                yield from self._references(item, own)
        elif isinstance(node, dict):
            if "ColumnRef" in node:
                yield node["ColumnRef"], own
                return
            inner = own + tuple(self._named(node.get("fromClause", ())))
            for value in node.values():
                yield from self._references(value, inner)

    def _named(self, items: Any) -> Iterator[tuple[str, Relation]]:
        """The names that FROM gives, with their columns where the catalog knows them."""
        for item in items:
            kind, node = only(item)
            if kind == "JoinExpr":
                yield from self._named([node["larg"], node["rarg"]])
            elif kind == "RangeVar":
                yield node.get("alias", {}).get("aliasname", node["relname"]), table(node, self.target.catalog)
            else:
                yield node.get("alias", {}).get("aliasname", ""), Relation()

    def _reaches(self, reference: Node, own: _Own) -> bool:
        """Whether a ColumnRef below subqueries whose relations are `own` still means the target."""
        if not own:
            return self.target.owns(reference)
        names = [part.get("String", {}).get("sval", "*") for part in reference["fields"]]
        if len(names) > 1:
            return names[-2] in {self.target.name} | self.target.also and all(name != names[-2] for name, _ in own)
        if any(relation.columns is not None and names[0] in relation.columns for _, relation in own):
            return False
        return self.target.relation.columns is not None and names[0] in self.target.relation.columns


def is_plain(select: Node) -> bool:
    """Whether a SELECT is one row of expressions: no FROM, no condition, nothing else."""
    return set(select) <= {"targetList", "limitOption", "op", "location"}


def is_null(wrapped: Node) -> bool:
    """Whether an expression is the word NULL, perhaps cast."""
    kind, node = only(wrapped)
    return is_null(node["arg"]) if kind == "TypeCast" else kind == "A_Const" and "isnull" in node


def bare(node: Any) -> Any:
    """A node without its places."""
    if isinstance(node, list):
        return [bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: bare(value) for name, value in node.items() if name != "location"}
