"""What a function does when its process starts and ends."""

import asyncio
import sys

from lib import db
from lib.http.request import Receive
from lib.http.send import Send

# What may have something open, outermost first: the module that opens it, and the one that closes it. What was
# never imported has nothing open, and importing it now would take longer than the platform waits.
_CLOSERS = (
    ("lib.engine.reactor", "lib.engine"),
    ("lib.calls.registry", "lib.calls"),
    ("lib.dbtool.logins", "lib.dbtool.logins"),
    ("lib.db", "lib.db"),
)


async def serve_lifespan(receive: Receive, send: Send) -> None:
    """Connect in the background at start-up; close at shutdown what this process opened."""
    warming: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            warming = asyncio.create_task(db.warm())
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            if warming:
                warming.cancel()
            for opener, closer in _CLOSERS:
                if opener in sys.modules:
                    await sys.modules[closer].close()
            await send({"type": "lifespan.shutdown.complete"})
            return
