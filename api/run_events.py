"""GET /runs/{id}/events and /runs/{id}/steps: what has happened to a run."""

from lib.http import App, Request, Response, Route, answer, needs, pages


async def list_events(request: Request) -> Response:
    """Its history, oldest first."""
    return answer(await pages.list_events(request))


async def list_steps(request: Request) -> Response:
    """Its finished effect attempts."""
    return answer(await pages.list_steps(request))


app = App(
    Route("GET", "/runs/{id}/events", list_events, needs("runs:read")),
    Route("GET", "/runs/{id}/steps", list_steps, needs("runs:read")),
)
