"""GET /runs/{id}/stream: a run's events as they happen."""

from lib import stream
from lib.http import App, EventStream, Request, Response, Route, deadline, stream_reader
from lib.http.queries import parse_whole
from lib.http.tokens import check_life


async def follow(request: Request) -> Response:
    """The events after `Last-Event-ID` (or `?after=`); 204 ends a client that has seen them all."""
    await check_life(request.query.get("token"), request.run_id, request.caller)
    seen = request.headers.get("last-event-id") or request.query.get("after")
    after = parse_whole("Last-Event-ID", seen) if seen else None
    frames = await stream.follow(request.run_id, after, deadline())
    return EventStream(frames) if frames else Response(204)


app = App(Route("GET", "/runs/{id}/stream", follow, stream_reader))
