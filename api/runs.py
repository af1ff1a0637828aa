"""GET /runs: all runs, newest first."""

from lib.http import App, Request, Response, Route, answer, needs, pages


async def list_runs(request: Request) -> Response:
    """A page, by status, workflow and age."""
    return answer(await pages.list_runs(request, None))


app = App(Route("GET", "/runs", list_runs, needs("runs:read")))
