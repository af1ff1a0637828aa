"""Contenders that fail, each in a way of its own: what the bench's own tests let take part.

`python -m tests.bench.unfit <url> <way>`: it is fit until it is told to work.
"""

import asyncio
import os
import sys

from tests.bench.peers.protocol import TALLY, serve

WAYS = ("dies", "vanishes", "hangs", "lies")


async def work(runs: int) -> None:
    """Die of the command, die after it, never answer it, or say that all is done."""
    match sys.argv[2]:
        case "dies":
            raise RuntimeError("no more room in /var/lib/secret/place, see https://help.example/full")
        case "vanishes":
            asyncio.get_running_loop().call_later(0.05, os._exit, 1)
        case "hangs":
            await asyncio.Event().wait()
        case "lies":
            TALLY.finished = runs


if __name__ == "__main__":
    serve(prepare=lambda: None, start=lambda: None, enqueue=lambda runs: None, work=work)
