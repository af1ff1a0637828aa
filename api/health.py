"""GET /health: the database, its schema, what is due, and when a sweep last came by."""

from lib import store
from lib.http import App, Request, Response, Route, answer, anyone
from lib.store.values import rfc3339


async def read_health(_: Request) -> Response:
    """200 while the database answers, else 503."""
    health = await store.read_health()
    return answer(
        {
            "status": "ok",
            "database": "ok",
            "schema_version": health.schema_version,
            "backlog": health.backlog,
            "oldest_due_at": rfc3339(health.oldest_due_at),
            "last_sweep_at": rfc3339(health.last_sweep_at),
            "last_sweep_ended": health.last_sweep_ended,
            "now": rfc3339(health.now),
        }
    )


app = App(Route("GET", "/health", read_health, anyone))
