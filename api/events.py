"""POST /events: CloudEvents come in, and the runs that listen for them go on."""

from lib import engine, store
from lib.http import App, Request, Response, Route, answer, deadline, needs
from lib.http.afterwards import afterwards
from lib.http.cloud_events import read_events


async def receive(request: Request) -> Response:
    """202 once they are kept and in the inboxes of all who listen; whom they woke goes on after the response."""
    delivery = await store.deliver_events(await read_events(request))
    after = afterwards(lambda: engine.advance_woken(delivery.woken, deadline())) if delivery.woken else None
    return answer({"accepted": delivery.accepted, "duplicates": delivery.duplicates}, 202, after=after)


app = App(Route("POST", "/events", receive, needs("events:write")))
