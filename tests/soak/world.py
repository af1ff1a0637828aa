"""What the runs of the soak do to the world: functions that leave a line in a file that no kill can take back."""

import os
from pathlib import Path
from random import Random

from lib.calls import CallContext
from lib.calls.functions import function
from lib.dsl import faults
from tests.soak.crash_points import Reach

FLAKY_PERCENT = 30

_file = -1
_dice = Random()
_reach: Reach = lambda _: None  # noqa: E731  # replaced in every instance


def open_world(path: str, seed: int, reach: Reach) -> None:
    """From now on, what is done is written there; who fails, fails by this seed."""
    global _file, _reach
    _file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    _dice.seed(seed)
    _reach = reach


def read_world(path: str) -> dict[str, int]:
    """How often each effect was done, by its idempotency key."""
    done: dict[str, int] = {}
    with Path(path).open() as file:
        for line in file:
            done[line.rstrip("\n")] = done.get(line.rstrip("\n"), 0) + 1
    return done


@function
async def soak_act(n: int, context: CallContext) -> int:
    """Do something once per call, and say what came of it."""
    _do(context)
    return 2 * n + 1


@function
async def soak_flaky(n: int, context: CallContext) -> int:
    """The same, but now and then it only says that it failed."""
    _do(context)
    if _dice.randrange(100) < FLAKY_PERCENT:
        raise faults.communication("by lot", 503)
    return 3 * n + 1


def _do(context: CallContext) -> None:
    os.write(_file, f"{context.idempotency_key}\n".encode())
    _reach("in effect")
