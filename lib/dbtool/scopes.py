"""Which relation a name means, by PostgreSQL's own rules of scope: FROM, LATERAL, JOIN … ON and WITH."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lib.dbtool.names import words
from lib.dbtool.second import Node, name_of, only

if TYPE_CHECKING:
    from lib.dbtool.catalog import Catalog

# The columns of functions with named results; all others return one, named after the alias or the function.
_NAMED_RESULTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("json_each", "json_each_text", "jsonb_each", "jsonb_each_text", "each"), ("key", "value")),
    "json_array_elements": ("value",),
    "json_array_elements_text": ("value",),
    "jsonb_array_elements": ("value",),
    "jsonb_array_elements_text": ("value",),
    "ts_debug": ("alias", "description", "token", "dictionaries", "dictionary", "lexemes"),
    "ts_parse": ("tokid", "token"),
}
# PostgreSQL's own limit to what one query returns; a chain of stars would double its columns with every link.
_MOST_COLUMNS = 1_664
# The names of columns that are such an expression.
_FIGURED = {
    "A_ArrayExpr": "array",
    "CoalesceExpr": "coalesce",
    "JsonArrayConstructor": "json_array",
    "JsonObjectConstructor": "json_object",
    "JsonScalarExpr": "json_scalar",
    "JsonSerializeExpr": "json_serialize",
    "RowExpr": "row",
}
_TEXT = re.compile(r"text|character|name$|citext")
_OPEN_FUNCTIONS = words(
    """
    unnest json_populate_record json_populate_recordset jsonb_populate_record jsonb_populate_recordset
    """
)


@dataclass(frozen=True, slots=True)
class Relation:
    """Something a name in FROM stands for; `columns` is None when they are not known.

    `all_of` is the table (schema and name) whose every row it holds, under the table's own names of columns. Of a table
    that is changed, `required` are the columns that are never null, `texts` those that are compared as texts.
    """

    columns: tuple[str, ...] | None = None
    all_of: tuple[str, str] | None = None
    required: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


@dataclass(slots=True)
class Scope:
    """The relations and WITH queries that a name may mean, innermost first."""

    parent: "Scope | None" = None
    relations: dict[str, Relation] = field(default_factory=dict)
    ctes: dict[str, Relation] = field(default_factory=dict)

    def relation(self, name: str) -> Relation | None:
        """The relation that `name` means."""
        for scope in self.chain():
            if name in scope.relations:
                return scope.relations[name]
        return None

    def cte(self, name: str) -> Relation | None:
        """The WITH query that `name` means."""
        for scope in self.chain():
            if name in scope.ctes:
                return scope.ctes[name]
        return None

    def chain(self) -> Iterator["Scope"]:
        """This scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def without_siblings(self) -> "Scope":
        """What a subquery in FROM that is not LATERAL sees: the WITH queries, and the relations further out."""
        return Scope(self.parent, {}, self.ctes)


def table(node: Node, catalog: "Catalog") -> Relation:
    """The table, view or foreign table that a RangeVar names, as far as the catalog knows it."""
    schemas = (node["schemaname"],) if "schemaname" in node else catalog.schemas
    for schema in schemas:
        known = catalog.tables.get((schema, node["relname"]))
        if known is not None:
            return Relation(tuple(column.name for column in known.columns), (schema, node["relname"]))
    return Relation(all_of=("".join(schemas[:1]), node["relname"]))


def changed_table(node: Node, catalog: "Catalog") -> Relation:
    """The same, with what the condition of a write has to know of it."""
    relation = table(node, catalog)
    known = catalog.tables.get(relation.all_of or ("", ""))
    if known is None:
        return relation
    required = frozenset(column.name for column in known.columns if not column.nullable)
    texts = frozenset(column.name for column in known.columns if _TEXT.match(column.type))
    return replace(relation, required=required, texts=texts)


def renamed(relation: Relation, alias: Node | None) -> Relation:
    """The relation under an alias, whose list of columns renames as many of its own as it is long."""
    names = tuple(part["String"].get("sval", "") for part in (alias or {}).get("colnames", ()))
    if not names or relation.columns is None:
        return Relation() if names else relation
    return Relation(names + relation.columns[len(names) :])


def all_of(node: Node, scope: Scope) -> tuple[str, str] | None:
    """The table whose every row a SELECT returns as it is, with all or some of its columns; None for any other."""
    if not set(node) <= {"targetList", "fromClause", "limitOption", "op", "distinctClause"}:
        return None
    if node.get("distinctClause", [{}]) != [{}] or len(scope.relations) != 1 or len(node["fromClause"]) != 1:
        return None
    kept = all(
        "ColumnRef" in (target := item["ResTarget"]).get("val", {})
        and target.get("name") in {None, figured("ColumnRef", target["val"]["ColumnRef"])}
        for item in node.get("targetList", ())
    )
    return next(iter(scope.relations.values())).all_of if kept else None


def function_columns(node: Node) -> tuple[str, ...] | None:
    """The columns of functions in FROM, None when they follow from the arguments' types."""
    names = [item["ColumnDef"]["colname"] for item in node.get("coldeflist", ())]
    alone = len(node["functions"]) == 1
    for item in node["functions"] if not names else ():
        call, definition = item["List"]["items"]
        kind, call = only(call)
        name = name_of(call["funcname"])[1] if kind == "FuncCall" else ""
        if name in _OPEN_FUNCTIONS or kind != "FuncCall":
            return None
        alias = node.get("alias", {}).get("aliasname", name) if alone else name
        defined = [part["ColumnDef"]["colname"] for part in definition.get("List", {}).get("items", ())]
        names += defined or _NAMED_RESULTS.get(name) or (alias,)
    return (*names, "ordinality") if node.get("ordinality") else tuple(names)


def function_name(node: Node) -> str:
    """The name under which functions in FROM are known that have no alias."""
    kind, call = only(node["functions"][0]["List"]["items"][0])
    return name_of(call["funcname"])[1] if kind == "FuncCall" else ""


def json_table_columns(columns: list[Node]) -> Iterator[str]:
    """The columns of a JSON_TABLE, nested ones included."""
    for column in columns:
        node = column["JsonTableColumn"]
        if "name" in node:
            yield node["name"]
        yield from json_table_columns(node.get("columns", []))


def output(targets: list[Node], scope: Scope) -> tuple[str, ...] | None:
    """The names of a target list's columns, None when a star stands for columns that are not known or too many."""
    names: list[str] = []
    for target in targets:
        node = target["ResTarget"]
        kind, value = only(node["val"]) if "val" in node else ("", {})
        if "name" not in node and kind == "ColumnRef" and "A_Star" in value["fields"][-1]:
            starred = _starred(value["fields"], scope)
            if starred is None or len(names) + len(starred) > _MOST_COLUMNS:
                return None
            names += starred
        else:
            names.append(node.get("name") or figured(kind, value))
    return tuple(names)


def figured(kind: str, node: Any) -> str:
    """The name PostgreSQL gives to a column that has none of its own; "?column?" also when it is hard to say."""
    return _figured(kind, node)[0]


def _figured(kind: str, node: Any) -> tuple[str, bool]:
    """That name, and whether a cast around it leaves it."""
    match kind:
        case "ColumnRef" if "String" in node["fields"][-1]:
            return str(node["fields"][-1]["String"].get("sval", "")), True
        case "A_Indirection" if "String" in node["indirection"][-1]:
            return str(node["indirection"][-1]["String"].get("sval", "")), True
        case "A_Indirection" | "CollateClause":
            return _figured(*only(node["arg"]))
        case "FuncCall":
            return name_of(node["funcname"])[1], True
        case "TypeCast":
            name, stays = _figured(*only(node["arg"]))
            return (name, True) if stays else (name_of(node["typeName"]["names"])[1], False)
        case "CaseExpr":
            name, stays = _figured(*only(node["defresult"])) if "defresult" in node else ("", False)
            return (name, True) if stays else ("case", False)
        case "SubLink" if node["subLinkType"] == "EXPR_SUBLINK":
            targets = node["subselect"].get("SelectStmt", {}).get("targetList", [])
            target = targets[0]["ResTarget"] if targets else {}
            return target.get("name") or figured(*only(target.get("val", {"": {}}))), True
        case "SubLink":
            return ("array" if node["subLinkType"] == "ARRAY_SUBLINK" else "exists"), True
        case "A_Expr" if node["kind"] == "AEXPR_NULLIF":
            return "nullif", True
        case "MinMaxExpr":
            return node.get("op", "IS_GREATEST").removeprefix("IS_").lower(), True
        case "SQLValueFunction":
            return node.get("op", "SVFOP_CURRENT_DATE").removeprefix("SVFOP_").removesuffix("_N").lower(), True
        case _:
            return _FIGURED.get(kind, "?column?"), kind in _FIGURED


def _starred(fields: list[Node], scope: Scope) -> list[str] | None:
    """The columns that `*` or `relation.*` stands for."""
    if len(fields) > 1:
        relation = scope.relation(fields[-2].get("String", {}).get("sval", ""))
        found = [relation] if relation else [Relation()]
    else:
        found = list(scope.relations.values())
    columns: list[str] = []
    for relation in found:
        if relation.columns is None or len(columns) > _MOST_COLUMNS:
            return None
        columns += relation.columns
    return columns


def add(relations: dict[str, Relation], more: dict[str, Relation]) -> None:
    """Adds relations; of one whose name is taken already, no column is known."""
    for name, relation in more.items():
        relations[name] = Relation() if name in relations else relation


def filtered(relations: dict[str, Relation]) -> dict[str, Relation]:
    """The same relations, of which perhaps not every row is left."""
    return {
        name: relation if relation.all_of is None else replace(relation, all_of=None)
        for name, relation in relations.items()
    }
