"""Every node of libpg_query's tree that a statement may consist of, with each field: what is not here is refused.

A field stands alone when its value is plain or names its own kind, and as `field:Kind` when the tree leaves the kind
out. Location and type modifiers are everywhere.
"""

_SELECT = """distinctClause targetList fromClause whereClause groupClause groupDistinct havingClause windowClause
    valuesLists sortClause limitOffset limitCount limitOption op all larg:SelectStmt rarg:SelectStmt
    withClause:WithClause"""
_RANGE = "schemaname relname inh relpersistence alias:Alias"

_KINDS = {
    # Statements
    "SelectStmt": _SELECT,
    "InsertStmt": "relation:RangeVar cols selectStmt onConflictClause:OnConflictClause returningList"
    " withClause:WithClause override",
    "UpdateStmt": "relation:RangeVar targetList whereClause fromClause returningList withClause:WithClause",
    "DeleteStmt": "relation:RangeVar usingClause whereClause returningList withClause:WithClause",
    "MergeStmt": "relation:RangeVar sourceRelation joinCondition mergeWhenClauses returningList withClause:WithClause",
    "MergeWhenClause": "matchKind commandType override condition targetList values",
    "OnConflictClause": "action infer:InferClause targetList whereClause",
    "InferClause": "indexElems whereClause conname",
    "IndexElem": "name expr collation ordering nulls_ordering",
    "WithClause": "ctes recursive",
    "CommonTableExpr": "ctename aliascolnames ctematerialized ctequery search_clause:CTESearchClause"
    " cycle_clause:CTECycleClause",
    "CTESearchClause": "search_col_list search_breadth_first search_seq_column",
    "CTECycleClause": "cycle_col_list cycle_mark_column cycle_mark_value cycle_mark_default cycle_path_column",
    # What is read from
    "RangeVar": _RANGE,
    "RangeSubselect": "lateral subquery alias:Alias",
    "RangeFunction": "lateral ordinality is_rowsfrom functions alias:Alias coldeflist",
    "RangeTableSample": "relation method args repeatable",
    "JoinExpr": "jointype isNatural larg rarg usingClause join_using_alias:Alias quals alias:Alias",
    "Alias": "aliasname colnames",
    "ColumnDef": "colname typeName:TypeName is_local",
    "JsonTable": "context_item:JsonValueExpr pathspec:JsonTablePathSpec passing columns on_error:JsonBehavior"
    " alias:Alias lateral",
    "JsonTablePathSpec": "string name name_location",
    "JsonTableColumn": "coltype name typeName:TypeName pathspec:JsonTablePathSpec format:JsonFormat wrapper quotes"
    " columns on_empty:JsonBehavior on_error:JsonBehavior",
    # Expressions
    "ResTarget": "name indirection val",
    "MultiAssignRef": "source colno ncolumns",
    "SetToDefault": "",
    "ColumnRef": "fields",
    "ParamRef": "number",
    "A_Const": "ival fval boolval sval bsval isnull",
    "A_Star": "",
    "A_Expr": "kind name lexpr rexpr",
    "A_Indirection": "arg indirection",
    "A_Indices": "is_slice lidx uidx",
    "A_ArrayExpr": "elements",
    "BoolExpr": "boolop args",
    "BooleanTest": "arg booltesttype",
    "NullTest": "arg nulltesttype argisrow",
    "CaseExpr": "arg args defresult",
    "CaseWhen": "expr result",
    "CoalesceExpr": "args",
    "MinMaxExpr": "op args",
    "RowExpr": "args row_format colnames",
    "SubLink": "subLinkType testexpr operName subselect",
    "TypeCast": "arg typeName:TypeName",
    "TypeName": "names typmods arrayBounds",
    "CollateClause": "arg collname",
    "SQLValueFunction": "op",
    "FuncCall": "funcname args agg_order agg_filter over:WindowDef agg_within_group agg_star agg_distinct"
    " func_variadic funcformat",
    "NamedArgExpr": "arg name argnumber",
    "GroupingFunc": "args",
    "GroupingSet": "kind content",
    "MergeSupportFunc": "msftype",
    "SortBy": "node sortby_dir sortby_nulls",
    "WindowDef": "name refname partitionClause orderClause frameOptions startOffset endOffset",
    # JSON
    "JsonFormat": "format_type encoding",
    "JsonReturning": "format:JsonFormat",
    "JsonOutput": "typeName:TypeName returning:JsonReturning",
    "JsonValueExpr": "raw_expr format:JsonFormat",
    "JsonBehavior": "btype expr",
    "JsonArgument": "val:JsonValueExpr name",
    "JsonKeyValue": "key value:JsonValueExpr",
    "JsonFuncExpr": "op column_name context_item:JsonValueExpr pathspec passing output:JsonOutput"
    " on_empty:JsonBehavior on_error:JsonBehavior wrapper quotes",
    "JsonIsPredicate": "expr format:JsonFormat item_type unique_keys",
    "JsonParseExpr": "expr:JsonValueExpr output:JsonOutput unique_keys",
    "JsonScalarExpr": "expr output:JsonOutput",
    "JsonSerializeExpr": "expr:JsonValueExpr output:JsonOutput",
    "JsonObjectConstructor": "exprs output:JsonOutput absent_on_null unique",
    "JsonArrayConstructor": "exprs output:JsonOutput absent_on_null",
    "JsonArrayQueryConstructor": "query output:JsonOutput format:JsonFormat absent_on_null",
    "JsonAggConstructor": "output:JsonOutput agg_filter agg_order over:WindowDef",
    "JsonObjectAgg": "constructor:JsonAggConstructor arg:JsonKeyValue absent_on_null unique",
    "JsonArrayAgg": "constructor:JsonAggConstructor arg:JsonValueExpr absent_on_null",
    # Leaves
    "String": "sval",
    "Integer": "ival",
    "Float": "fval",
    "Boolean": "boolval",
    "List": "items",
}


def _fields(text: str) -> dict[str, str]:
    """The fields of one kind: each with the kind of its value, or "" when the value says so itself."""
    return {name: kind for name, _, kind in (field.partition(":") for field in text.split())}


GRAMMAR = {kind: _fields(text) | dict.fromkeys(("location", "typemod", "typmod"), "") for kind, text in _KINDS.items()}
# Values of A_Const lie inside without a kind: they are plain.
PLAIN = frozenset({"ival", "fval", "boolval", "sval", "bsval", "location"})
# What a refused node or field is called; all others are called `not_allowed`.
SPEAKING = {
    "intoClause": "select_into",
    "lockingClause": "row_lock",
    "CurrentOfExpr": "cursor",
    "setof": "type",
    "XmlExpr": "function",
    "XmlSerialize": "function",
    "RangeTableFunc": "function",
}
