"""Documents as they come over HTTP: read, kept or found, and shown; listing them loads nothing that calls."""

import json
from datetime import datetime
from typing import Any

from lib import store
from lib.errors import BadRequest
from lib.http.cursors import read_cursor, write_cursor
from lib.http.queries import read_limit
from lib.http.request import Request

MAX_FILTER_CHARACTERS = 4000


async def keep_documents(request: Request) -> dict[str, Any]:
    """The keys of the documents in the body, in their order."""
    from lib.calls import memory
    from lib.http.bodies import read_model

    asked = read_model(memory.Documents, await request.json())
    kept = await memory.keep(asked.collection, asked.documents)
    documents = [{"key": document.key, "created": document.created} for document in kept]
    return {"collection": asked.collection, "documents": documents}


async def list_documents(request: Request) -> dict[str, Any]:
    """A page of `?collection=`, newest first; a filter without a question is refused, not passed over."""
    if "filter" in request.query:
        raise BadRequest("filter goes with q: name what to look for, too.")
    limit = read_limit(request)
    cursor = request.query.get("cursor")
    before = _read_place(cursor) if cursor is not None else None
    rows = await store.list_memories(_read_collection(request), limit=limit + 1, before=before)
    follows = write_cursor(rows[limit - 1].created_at.isoformat(), rows[limit - 1].key) if len(rows) > limit else None
    return {"documents": [row.to_json() for row in rows[:limit]], "next": follows}


async def find_documents(request: Request) -> dict[str, Any]:
    """The best of `?collection=` for `?q=`, of those whose metadata contain `?filter=`; one page is all there is."""
    from lib.calls import memory
    from lib.http.bodies import read_model

    if not request.query["q"]:
        raise BadRequest("q is what to look for: leave it out to list all.")
    query = {"collection": _read_collection(request), "query": request.query["q"], "limit": read_limit(request)}
    found = await memory.find(read_model(memory.Recall, {**query, "filter": _read_filter(request)}))
    return {"documents": [row.to_json() for row in found.memories], "next": None, "ranking": found.ranking}


def _read_collection(request: Request) -> str:
    collection = request.query.get("collection")
    if not collection:
        raise BadRequest("Name the collection: ?collection=….")
    return collection


def _read_filter(request: Request) -> Any:
    text = request.query.get("filter")
    if text is None:
        return None
    try:
        if len(text) <= MAX_FILTER_CHARACTERS and isinstance(found := json.loads(text), dict):
            return found
    except (ValueError, RecursionError):
        pass
    raise BadRequest(f"filter must be a JSON object of at most {MAX_FILTER_CHARACTERS} characters.")


def _read_place(cursor: str) -> tuple[datetime, str]:
    at, key = read_cursor(cursor, str, str)
    try:
        return datetime.fromisoformat(at), key
    except ValueError:
        raise BadRequest("This cursor is not one of ours: pass `next` of the page before, unchanged.") from None
