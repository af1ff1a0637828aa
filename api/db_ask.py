"""POST /db/ask turns a question into SQL; POST /db/documents keeps texts, GET /db/documents lists and finds them."""

from lib.http import App, Request, Response, Route, answer, needs


async def ask(request: Request) -> Response:
    """The SQL that a model proposes and the guard accepts, with its plan, its rows or its dry run."""
    from lib.http.db_ask import ask

    return answer(await ask(request))


async def keep(request: Request) -> Response:
    """201 when some of these documents are new, 200 when all of their keys were there."""
    from lib.http.db_documents import keep_documents

    kept = await keep_documents(request)
    return answer(kept, 201 if any(document["created"] for document in kept["documents"]) else 200)


async def find(request: Request) -> Response:
    """A page of a collection, newest first; with `?q=` its best, best first."""
    from lib.http.db_documents import find_documents, list_documents

    return answer(await (find_documents if "q" in request.query else list_documents)(request))


app = App(
    Route("POST", "/db/ask", ask, needs("db:read")),
    Route("POST", "/db/documents", keep, needs("db:write")),
    Route("GET", "/db/documents", find, needs("db:read")),
)
