"""What a function does when its process starts and ends."""

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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
    with _letting_go_at_once():
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


@contextmanager
def _letting_go_at_once() -> Iterator[None]:
    """On SIGTERM the engine hands its runs back without waiting for the shutdown.

    That comes after the last request, which waits for effects, and the platform gives us half a second.
    """
    heard = signal.getsignal(signal.SIGTERM)
    if not callable(heard) or threading.current_thread() is not threading.main_thread():
        yield  # nobody ends this process gracefully: nothing to be ahead of
        return
    loop, closing = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def let_go() -> None:
        if "lib.engine.reactor" in sys.modules:
            closing.add(loop.create_task(sys.modules["lib.engine"].close()))

    def hear(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(let_go)
        heard(number, frame)

    signal.signal(signal.SIGTERM, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, heard)
