"""The database tool over HTTP: a statement with who asks for it, and the tables as people and agents read them."""

from typing import Any

from lib.dbtool.catalog import Catalog, Column, ForeignKey, Table, read_catalog
from lib.http import rates
from lib.http.bodies import RunQuery, read_model
from lib.http.cursors import read_cursor, write_cursor
from lib.http.deadline import seconds_left
from lib.http.queries import MAX_LIMIT, read_limit
from lib.http.request import Request

type _Place = tuple[str, str]


async def run_query(request: Request) -> dict[str, Any]:
    """What `POST /db/query` answers; where its caller stands with the quota is told in the headers."""
    # Imported here: GET /db/schema needs neither parser.
    from lib.calls.queries import QueryRequest, run_query

    def tell(quota: tuple[int, int], remaining: int, wait_seconds: int) -> None:
        rates.tell(request, "statements", quota, remaining, wait_seconds)

    body = read_model(RunQuery, await request.json())
    asked = QueryRequest(
        sql=body.sql,
        params=body.params,
        dry_run=body.dry_run,
        confirm=body.confirm,
        max_rows=body.max_rows,
        caller_name=request.caller.name,
        scopes=request.caller.scopes,
        seconds=seconds_left(),
    )
    return await run_query(asked, tell)


async def show_schema(request: Request) -> dict[str, Any]:
    """A page of the tables that the read login may see, by schema and name; of `?schema=`, with the text `?q=`."""
    limit = read_limit(request, default=MAX_LIMIT)
    cursor = request.query.get("cursor")
    after = tuple(read_cursor(cursor, str, str)) if cursor is not None else ()
    catalog = await read_catalog()
    places = [
        place
        for place in sorted(catalog.tables)
        if place > after
        and request.query.get("schema") in (None, place[0])
        and _mentions(place, catalog.tables[place], request.query.get("q", ""))
    ]
    follows = write_cursor(*places[limit - 1]) if len(places) > limit else None
    return {"tables": [_show_table(place, catalog) for place in places[:limit]], "next": follows}


def _mentions(place: _Place, table: Table, text: str) -> bool:
    words = [place[1], table.comment, *(word for column in table.columns for word in (column.name, column.comment))]
    return any(text.casefold() in word.casefold() for word in words)


def _show_table(place: _Place, catalog: Catalog) -> dict[str, Any]:
    table = catalog.tables[place]
    return {
        "schema": place[0],
        "name": place[1],
        "kind": table.kind,
        "comment": table.comment or None,
        "columns": [_show_column(column, catalog) for column in table.columns],
        "primary_key": list(table.primary_key),
        "foreign_keys": [_show_key(key) for key in table.foreign_keys],
    }


def _show_column(column: Column, catalog: Catalog) -> dict[str, Any]:
    shown = {
        "name": column.name,
        "type": column.type,
        "nullable": column.nullable,
        "comment": column.comment or None,
    }
    values = catalog.enums.get(_bare(column.type))
    return {**shown, "values": list(values)} if values else shown


def _bare(type_name: str) -> str:
    """The name of a type, or of the elements of an array of it, without its schema and its quotes."""
    return type_name.removesuffix("[]").rpartition(".")[2].strip('"')


def _show_key(key: ForeignKey) -> dict[str, Any]:
    schema, name = key.table
    return {
        "columns": list(key.columns),
        "references": {"schema": schema, "table": name, "columns": list(key.references)},
    }
