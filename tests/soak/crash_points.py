"""Named points at which an instance may be killed: before and after everything it does to the world.

They are put around the engine's own ways out (the store, the calls), so the code under test is the code that ships.
"""

import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

from lib import calls, store
from lib.store import Entry

DEEDS = ("claim", "effect", "commit", "finish", "timer", "delivery", "child start", "cancel")
POINTS = (*(f"{when} {deed}" for deed in DEEDS for when in ("before", "after")), "in effect")

type Reach = Callable[[str], None]


def kill_at(point: str, nth: int) -> Reach:
    """SIGKILL this process when it reaches the point for the nth time."""
    left = nth

    def reach(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reach


def by_lot(random: Random, *, most: int) -> tuple[str, int]:
    """A point, and the how-manieth time it is reached; what comes with every commit is passed more often."""
    point = random.choice(POINTS)
    often = point.endswith(("effect", "commit"))
    seldom = 1 if point.endswith("cancel") else 2
    return point, random.randint(1, most if often else seldom)


def deeds_of(entries: Sequence[Entry]) -> list[str]:
    """What a commit of these entries does, beside being one."""
    mails = [entry.mail for entry in entries if entry.mail]
    found = {
        "finish": any(entry.status in ("completed", "failed") for entry in entries),
        "timer": any(entry.status == "waiting" and entry.due_at for entry in entries),
        "delivery": any(mail.emitted for mail in mails),
        "child start": any(mail.children for mail in mails),
    }
    return [*(deed for deed, done in found.items() if done), "commit"]


def install(reach: Reach) -> None:
    """Let this process tell `reach` of every point that it comes to."""
    _surround(store, "claim_runs", reach, lambda *_: ["claim"])
    _surround(store, "commit_batch", reach, lambda _lease, _seconds, entries, *_: deeds_of(entries))
    _surround(store, "deliver_events", reach, lambda *_: ["delivery"])
    _surround(store, "cancel_run", reach, lambda *_: ["cancel"])
    _surround(calls, "run", reach, lambda *_: ["effect"])


def _surround(module: Any, name: str, reach: Reach, deeds: Callable[..., list[str]]) -> None:
    inner: Callable[..., Awaitable[Any]] = getattr(module, name)

    async def outer(*args: Any, **kwargs: Any) -> Any:
        found = deeds(*args)
        for deed in found:
            reach(f"before {deed}")
        result = await inner(*args, **kwargs)
        for deed in reversed(found):
            reach(f"after {deed}")
        return result

    setattr(module, name, outer)
