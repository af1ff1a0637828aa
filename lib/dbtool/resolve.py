"""Goes through PostgreSQL's tree by scope: which tables are touched, which dots are calls, what each WHERE says."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from lib.dbtool.conditions import require_condition, require_possible
from lib.dbtool.grammar import GRAMMAR, PLAIN
from lib.dbtool.names import functions, may_act
from lib.dbtool.scopes import (
    Relation,
    Scope,
    add,
    all_of,
    changed_table,
    filtered,
    function_columns,
    function_name,
    json_table_columns,
    output,
    renamed,
    table,
)
from lib.dbtool.second import Node, called, check, nodes, only
from lib.dbtool.shapes import is_scalar
from lib.dbtool.source import Source
from lib.dbtool.terms import Target
from lib.dbtool.view import View

if TYPE_CHECKING:
    from lib.dbtool.catalog import Catalog

_STATEMENTS = {
    "SelectStmt": "select",
    "InsertStmt": "insert",
    "UpdateStmt": "update",
    "DeleteStmt": "delete",
    "MergeStmt": "merge",
}
_NESTED = "A write stands within another query: it may only be the whole statement, or in the WITH list before it."
_BY_SOURCE = "MERGE_WHEN_NOT_MATCHED_BY_SOURCE"
# Columns of row functions that a catalog would not know.
_RESULT_COLUMNS = frozenset({"key", "value", "lexeme", "positions", "weights"})


def resolve(kind: str, tree: Node, source: Source, catalog: "Catalog") -> View:
    """What a statement does, from PostgreSQL's tree; raises QueryRefused for anything that is not allowed."""
    resolver = Resolver(source, catalog, tree)
    columns = tables = 0
    functions: Counter[str] = Counter()
    for name, node, place in nodes(kind, tree, source):
        check(name, node, place, source, catalog)
        columns += name == "ColumnRef"
        tables += name == "RangeVar"
        if name == "FuncCall" and (function := called(node)) is not None:
            functions[function] += 1
    resolver.statement(kind, tree, Scope())
    seen = resolver.view
    seen.functions = functions
    if resolver.columns != columns or seen.tables.total() != tables:
        # both walks have to meet every name: else one of them has passed something over
        raise source.refused("not_allowed", 0)
    return seen


class Resolver:
    """Walks one statement; `view` afterwards holds what was seen."""

    def __init__(self, source: Source, catalog: "Catalog", tree: Node) -> None:
        members = [only(item)[1]["ctequery"] for item in tree.get("withClause", {}).get("ctes", ())]
        # PostgreSQL takes a write nowhere else
        self._top = [tree, *(only(query)[1] for query in members)]
        self._source = source
        self._catalog = catalog
        self.columns = 0  # column references met, to prove that none was passed over
        self.view = View()

    def statement(self, kind: str, node: Node, scope: Scope) -> Relation:
        """Judges one statement within `scope`; what it returns as a relation."""
        if kind != "SelectStmt" and not any(node is one for one in self._top):
            raise self._source.refused("statement", node["relation"].get("location", 0), _NESTED)
        self.view.commands[_STATEMENTS[kind]] += 1
        inner = Scope(scope)
        if "withClause" in node:
            self._with(node["withClause"], inner)
        match kind:
            case "SelectStmt":
                return self._select(node, inner)
            case "InsertStmt":
                return self._insert(node, inner)
            case "MergeStmt":
                return self._merge(node, inner)
            case _:
                return self._change(node, inner)

    def _with(self, node: Node, scope: Scope) -> None:
        items = [only(item)[1] for item in node["ctes"]]
        for item in items:
            self.view.ctes[item["ctename"]] += 1
        if node.get("recursive"):
            scope.ctes |= {item["ctename"]: Relation() for item in items}
        for item in items:
            relation = self.statement(*only(item["ctequery"]), Scope(scope.parent, {}, dict(scope.ctes)))
            # SEARCH and CYCLE add columns: then their names are not known
            extended = "search_clause" in item or "cycle_clause" in item
            cycle = item.get("cycle_clause", {})
            self._visit([cycle.get("cycle_mark_value"), cycle.get("cycle_mark_default")], scope)
            scope.ctes[item["ctename"]] = (
                Relation() if extended else renamed(relation, {"colnames": item.get("aliascolnames", ())})
            )

    def _select(self, node: Node, scope: Scope) -> Relation:
        if "larg" in node:
            # the two halves see the WITH of the whole, and each other's relations never
            self.view.commands["select"] -= 1
            first = self.statement("SelectStmt", node["larg"], scope)
            self.statement("SelectStmt", node["rarg"], scope)
            self._visit([node.get(name) for name in ("sortClause", "limitOffset", "limitCount")], scope)
            return first
        for item in node.get("fromClause", ()):
            add(scope.relations, self._from(item, scope))
        self._conditions(node)
        self._visit([value for name, value in node.items() if name not in {"fromClause", "withClause"}], scope)
        if "valuesLists" in node:
            self.view.commands["select"] -= 1
            width = len(node["valuesLists"][0]["List"]["items"])
            return Relation(tuple(f"column{number + 1}" for number in range(width)))
        return Relation(output(node.get("targetList", []), scope), all_of=all_of(node, scope))

    def _insert(self, node: Node, scope: Scope) -> Relation:
        target = self._target(node["relation"])
        if "selectStmt" in node:
            self.statement(*only(node["selectStmt"]), scope)
        inner = Scope(scope, {self._name(node["relation"]): target, "excluded": target})
        conflict = node.get("onConflictClause", {})
        self._visit([conflict.get("targetList"), conflict.get("whereClause"), node.get("cols")], inner)
        self._visit([conflict.get("infer", {}).get(name) for name in ("indexElems", "whereClause")], inner)
        self.view.conditions += "whereClause" in conflict
        self.view.conditions += "whereClause" in conflict.get("infer", {})
        return self._returning(node, Scope(scope, {self._name(node["relation"]): target}))

    def _change(self, node: Node, scope: Scope) -> Relation:
        """UPDATE and DELETE."""
        name, target = self._name(node["relation"]), self._target(node["relation"])
        scope.relations[name] = target
        for item in node.get("fromClause", ()) or node.get("usingClause", ()):
            add(scope.relations, self._from(item, scope))
        self._conditions(node)
        self._visit([node.get("targetList"), node.get("whereClause")], scope)
        if "whereClause" not in node:
            raise self._source.refused("no_condition", node["relation"].get("location", 0))
        require_condition(
            node["whereClause"], Target(name, node["relation"], target, scope, self._catalog), self._source
        )
        return self._returning(node, scope)

    def _merge(self, node: Node, scope: Scope) -> Relation:
        source = self._from(node["sourceRelation"], scope)
        name, target = self._name(node["relation"]), self._target(node["relation"])
        scope.relations[name] = target
        add(scope.relations, source)
        self._visit([node["joinCondition"], node.get("mergeWhenClauses")], scope)
        changed = Target(name, node["relation"], target, scope, self._catalog)
        require_condition(node["joinCondition"], changed, self._source)
        if any(item["MergeWhenClause"]["matchKind"] == _BY_SOURCE for item in node["mergeWhenClauses"]):
            require_possible(node["joinCondition"], changed, self._source)
        return self._returning(node, scope)

    def _returning(self, node: Node, scope: Scope) -> Relation:
        self._visit([node.get("returningList")], scope)
        return Relation(output(node.get("returningList", []), scope))

    def _conditions(self, node: Node) -> None:
        self.view.conditions += "whereClause" in node

    @staticmethod
    def _name(relation: Node) -> str:
        return str(relation.get("alias", {}).get("aliasname", relation["relname"]))

    def _target(self, node: Node) -> Relation:
        """The table that a write changes: never a WITH query, never the system's."""
        self._admit(node, write=True)
        return changed_table(node, self._catalog)

    def _admit(self, node: Node, *, write: bool = False) -> None:
        schema, place = node.get("schemaname", ""), node.get("location", 0)
        self.view.tables[schema, node["relname"]] += 1
        if schema.startswith("pg_") or node["relname"].startswith(("pg_", "_pg_")):
            raise self._source.refused("system_table", place)
        if schema == "information_schema":
            if write:
                raise self._source.refused("read_only_schema", place)
        elif schema == "ratchet" or (schema and self._catalog.schemas and schema not in self._catalog.schemas):
            raise self._source.refused("schema", place)

    def _from(self, item: Node, scope: Scope) -> dict[str, Relation]:
        """The relations that one item of FROM adds."""
        kind, node = only(item)
        alias = node.get("alias", {})
        match kind:
            case "RangeVar":
                return {self._name(node): renamed(self._read(node, scope), alias)}
            case "RangeSubselect":
                visible = scope if node.get("lateral") else scope.without_siblings()
                relation = self.statement(*only(node["subquery"]), visible)
                return {alias.get("aliasname", ""): renamed(relation, alias)}
            case "RangeFunction":
                self._visit([node["functions"], node.get("coldeflist")], scope)
                columns = function_columns(node)
                return {alias.get("aliasname") or function_name(node): renamed(Relation(columns), alias)}
            case "RangeTableSample":
                self._visit([node.get("args"), node.get("repeatable")], scope)
                return filtered(self._from(node["relation"], scope))
            case "JsonTable":
                self._visit([("JsonTable", {name: value for name, value in node.items() if name != "alias"})], scope)
                columns = tuple(json_table_columns(node["columns"]))
                return {alias.get("aliasname", ""): renamed(Relation(columns), alias)}
            case _:
                return self._join(node, scope)

    def _join(self, node: Node, scope: Scope) -> dict[str, Relation]:
        """A JOIN: its condition sees its two sides only; an alias hides them."""
        found = dict(self._from(node["larg"], scope))
        right = Scope(scope.parent, dict(scope.relations), scope.ctes)
        add(right.relations, found)
        add(found, self._from(node["rarg"], right))
        self._visit([node.get("quals")], Scope(scope.parent, found, scope.ctes))
        if "alias" in node:
            return {node["alias"]["aliasname"]: Relation()}
        if "join_using_alias" in node:
            add(found, {node["join_using_alias"]["aliasname"]: Relation()})
        return filtered(found)

    def _read(self, node: Node, scope: Scope) -> Relation:
        query = scope.cte(node["relname"]) if "schemaname" not in node else None
        if query is None:
            self._admit(node)
            return table(node, self._catalog)
        self.view.tables["", node["relname"]] += 1
        return query

    def _visit(self, values: list[Any], scope: Scope) -> None:
        """Goes through expressions; subqueries are judged as statements within `scope`."""
        waiting = list(values)
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                waiting += value.items()
            elif isinstance(value, tuple):
                kind, node = value
                self._expression(kind, node, scope, waiting)

    def _expression(self, kind: str, node: Any, scope: Scope, waiting: list[Any]) -> None:
        """One node: itself, and its fields among those that wait."""
        fields = GRAMMAR.get(kind)
        if fields is None or not isinstance(node, dict):
            return
        if kind in _STATEMENTS:
            self.statement(kind, node, scope)
            return
        if kind == "ColumnRef":
            self.columns += 1
            self._column(node, scope)
        elif kind == "A_Indirection":
            self._indirection(node)
        elif kind == "MultiAssignRef" and node.get("colno") != 1:
            return  # the tree repeats the one source for each column
        for name, value in node.items():
            if fields[name]:
                waiting.append((fields[name], value))
            elif isinstance(value, dict | list) and name not in PLAIN:
                waiting.append(value)

    def _column(self, node: Node, scope: Scope) -> None:
        """Refuses `relation.name` when that may be a call of a function on the relation's row."""
        fields = node["fields"]
        if len(fields) < 2 or "A_Star" in fields[-1]:
            return
        name = fields[-1]["String"].get("sval", "")
        relation = scope.relation(fields[-2]["String"].get("sval", ""))
        columns = None if relation is None else relation.columns
        called = self._may_call(name) or (columns is not None and name in functions())
        if called and name not in (columns or ()):
            raise self._source.refused("function_as_attribute", node.get("location", 0))

    def _indirection(self, node: Node) -> None:
        """Refuses `(expression).name` when that may be a call of a function on the value."""
        known = bool(self._catalog.schemas)
        scalar = is_scalar(*only(node["arg"]))
        for part in node["indirection"]:
            name = part.get("String", {}).get("sval")
            if name is None:
                continue
            if self._may_call(name) or (scalar and name in functions()) or not (known or name in _RESULT_COLUMNS):
                raise self._source.refused("function_as_attribute", only(node["arg"])[1].get("location", 0))

    def _may_call(self, name: str) -> bool:
        # the name of a type is a function too: a cast to it
        return may_act(name) or name in self._catalog.functions or name in self._catalog.domains
