"""Stream readers that hang up in the middle and come back: each must see every event once, in order."""

import asyncio
import json
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lib import stream
from lib.errors import RatchetError
from tests.soak.invariants import Violation

if TYPE_CHECKING:
    from tests.soak.wave import Wave

READERS = 6
PROMISE = "a reader that comes back sees every event once, in order"


async def read_on(wave: "Wave", random: Random) -> None:
    """Follow one run after the other to its end, hanging up now and then."""
    while True:
        run = wave.any_run(random)
        if run is None:
            await asyncio.sleep(0.05)
            continue
        seen = 0
        while (after := await _read(run, seen, random)) is not None:
            seen = after
            wave.counts.faults["readers"] += 1
        wave.counts.runs["read to the end"] += 1


async def _read(run: UUID, seen: int, random: Random) -> int | None:
    """One connection; answers the last event seen, or None when the run has ended."""
    try:
        frames = await stream.follow(run, seen or None, None)
    except RatchetError:
        await asyncio.sleep(0.1)
        return seen
    if frames is None:
        return None
    patience = random.randint(1, 12)
    try:
        async for frame in frames:
            for message in _messages(frame):
                if message["type"] == "complete":
                    return None
                for event in message.get("events", ()):
                    if event["seq"] != seen + 1:
                        raise Violation(PROMISE, (run,))
                    seen = event["seq"]
            patience -= 1
            if patience == 0:
                break
    finally:
        await frames.aclose()
    return seen


def _messages(frame: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in frame.splitlines() if line.startswith(b"data: ")]
