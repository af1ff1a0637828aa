"""Contenders that fail, each in a way of its own: what the bench's own tests let take part.

`python -m tests.bench.unfit <url> <way> <file>`: the file counts the rounds, across processes.
"""

import asyncio
import os
import sys
from pathlib import Path

from tests.bench.peers.protocol import STEPS_PER_RUN, TALLY, serve

WAYS = ("dies", "vanishes", "hangs", "lies")


def count_round() -> int:
    """Which round this is."""
    rounds = Path(sys.argv[3])
    with rounds.open("a") as file:
        file.write(".")
    return rounds.stat().st_size


async def work(runs: int) -> None:
    """Do all at once, except in the second round."""
    if count_round() > 1:
        await fail(sys.argv[2])
    else:
        for number in range(runs * STEPS_PER_RUN):
            TALLY.step(number)
        TALLY.finished += runs


async def fail(way: str) -> None:
    """Die of the command, die after it, never answer it, or say that all is done."""
    match way:
        case "dies":
            raise RuntimeError("no more room in /var/lib/secret/place, see https://help.example/full")
        case "vanishes":
            asyncio.get_running_loop().call_later(0.05, os._exit, 1)
        case "hangs":
            await asyncio.Event().wait()
        case "lies":
            TALLY.finished = 1_000_000


if __name__ == "__main__":
    serve(prepare=lambda: None, start=lambda: None, enqueue=lambda runs: None, work=work)
