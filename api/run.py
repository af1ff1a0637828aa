"""GET /runs/{id} and its diagnosis; POST /runs/{id}/cancel, suspend, resume and retry."""

from lib import engine, store
from lib.http import App, Request, Response, Route, answer, deadline, needs
from lib.http.afterwards import afterwards
from lib.http.diagnosis import read_diagnosis
from lib.http.routes import Handler
from lib.http.runs import Change, show_run


async def read(request: Request) -> Response:
    """The run as it is now."""
    return answer(show_run(await store.get_run(request.run_id), request.caller))


async def diagnose(request: Request) -> Response:
    """Why it is not moving, and what would help."""
    return answer(await read_diagnosis(request.run_id))


def do(change: Change) -> Handler:
    """A handler that makes this change: 202, and a run that may go on does so after the response."""

    async def handle(request: Request) -> Response:
        run = await change(request.run_id)
        goes_on = run.status in ("pending", "running")
        after = afterwards(lambda: engine.advance_run(run.id, deadline())) if goes_on else None
        return answer(show_run(run, request.caller), 202, after=after)

    return handle


app = App(
    Route("GET", "/runs/{id}", read, needs("runs:read")),
    Route("GET", "/runs/{id}/diagnosis", diagnose, needs("runs:read")),
    Route("POST", "/runs/{id}/cancel", do(store.cancel_run), needs("runs:write")),
    Route("POST", "/runs/{id}/suspend", do(store.suspend_run), needs("runs:write")),
    Route("POST", "/runs/{id}/resume", do(store.resume_run), needs("runs:write")),
    Route("POST", "/runs/{id}/retry", do(store.retry_run), needs("runs:write")),
)
