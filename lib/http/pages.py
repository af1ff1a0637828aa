"""The lists of the contract: a page of rows, and the cursor of the next page if there is one.

Each asks the store for one row more than it shows: that row's presence is what `next` stands for.
"""

from typing import Any
from uuid import UUID

from lib import store
from lib.errors import Forbidden
from lib.http.cursors import read_cursor, write_cursor
from lib.http.queries import (
    parse_uuid,
    parse_whole,
    read_choice,
    read_limit,
    read_moment,
    read_uuid,
    read_whole,
)
from lib.http.request import Request
from lib.http.runs import show_run

STATUSES = ("pending", "running", "waiting", "suspended", "completed", "failed", "cancelled")
VERDICTS = ("started", "ran", "dry_run", "refused", "failed")


async def list_workflows(request: Request) -> dict[str, Any]:
    """Workflows, newest first, by `?name=`, `?namespace=` and the text `?q=` in both."""
    limit = read_limit(request)
    query = request.query
    rows = await store.list_workflows(
        name=query.get("name"),
        namespace=query.get("namespace"),
        q=query.get("q"),
        limit=limit + 1,
        before=_read_id(request),
    )
    return {"workflows": [row.to_json() for row in rows[:limit]], "next": _next_id(rows, limit)}


async def list_runs(request: Request, workflow_id: UUID | None) -> dict[str, Any]:
    """Runs, newest first, by `?status=`, `?created_after=` and `?created_before=`; all or one workflow's."""
    limit = read_limit(request)
    rows = await store.list_runs(
        status=read_choice(request, "status", STATUSES),
        workflow_id=workflow_id or read_uuid(request, "workflow_id"),
        created_after=read_moment(request, "created_after"),
        created_before=read_moment(request, "created_before"),
        limit=limit + 1,
        before=_read_id(request),
    )
    return {"runs": [show_run(row, request.caller) for row in rows[:limit]], "next": _next_id(rows, limit)}


async def list_events(request: Request) -> dict[str, Any]:
    """A run's events after `?after=<seq>`, oldest first; `next` is the seq to go on after."""
    limit = read_limit(request)
    after = request.query.get("cursor")
    seq = parse_whole("cursor", after) if after is not None else read_whole(request, "after", 0)
    rows = await store.list_events(request.run_id, after=seq, limit=limit + 1)
    if not rows:
        await store.get_run(request.run_id)
    last = str(rows[limit - 1].seq) if len(rows) > limit else None
    return {"events": [row.to_json() for row in rows[:limit]], "next": last}


async def list_steps(request: Request) -> dict[str, Any]:
    """A run's finished effect attempts, in the order of their commits."""
    limit = read_limit(request)
    cursor = request.query.get("cursor")
    after = tuple(read_cursor(cursor, int, str, int, int)) if cursor is not None else None
    rows = await store.list_steps(request.run_id, after=after, limit=limit + 1)
    if not rows:
        await store.get_run(request.run_id)
    last = rows[limit - 1] if len(rows) > limit else None
    follows = write_cursor(last.seq, last.reference, last.visit, last.attempt) if last else None
    return {"steps": [row.to_json() for row in rows[:limit]], "next": follows}


async def list_queries(request: Request) -> dict[str, Any]:
    """What was asked of the database tool, newest first: the caller's own, or with db:audit everybody's."""
    limit = read_limit(request)
    caller = request.query.get("caller")
    if "db:audit" not in request.caller.scopes:
        if caller not in (None, request.caller.name):
            raise Forbidden("This key lacks the scope db:audit: it sees its own queries.", scope="db:audit")
        caller = request.caller.name
    rows = await store.list_queries(
        caller=caller, verdict=read_choice(request, "verdict", VERDICTS), limit=limit + 1, before=_read_id(request)
    )
    return {"queries": [row.to_json() for row in rows[:limit]], "next": _next_id(rows, limit)}


def _read_id(request: Request) -> UUID | None:
    cursor = request.query.get("cursor")
    return parse_uuid("cursor", read_cursor(cursor, str)[0]) if cursor is not None else None


def _next_id(rows: list[store.Run] | list[store.Workflow] | list[store.Query], limit: int) -> str | None:
    return write_cursor(str(rows[limit - 1].id)) if len(rows) > limit else None
