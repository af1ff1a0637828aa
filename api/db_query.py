"""POST /db/query runs a statement, GET /db/queries lists what was run, GET /db/schema what there is."""

from lib.http import App, Request, Response, Route, answer, needs, pages


async def query(request: Request) -> Response:
    """A read's rows; a write's dry run, or what it did once that was confirmed."""
    from lib.http.db_tool import run_query

    return answer(await run_query(request))


async def list_queries(request: Request) -> Response:
    """A page of the caller's own; of all with db:audit."""
    return answer(await pages.list_queries(request))


async def schema(request: Request) -> Response:
    """A page of tables with their columns, keys and comments."""
    from lib.http.db_tool import show_schema

    return answer(await show_schema(request))


app = App(
    Route("POST", "/db/query", query, needs("db:read", "db:write")),
    Route("GET", "/db/queries", list_queries, needs("db:read", "db:audit")),
    Route("GET", "/db/schema", schema, needs("db:read")),
)
