"""GET and POST /sweep: claim and advance what is due; for the cron and for whoever has its secret."""

from lib import engine
from lib.http import App, Request, Response, Route, answer, cron, deadline


async def sweep(request: Request) -> Response:
    """What was done, counted."""
    report = await engine.sweep(deadline())
    request.noted["claimed"] = report.claimed
    return answer(report.to_json())


app = App(Route("GET", "/sweep", sweep, cron), Route("POST", "/sweep", sweep, cron))
