"""Functions that are bad for the process they run in."""

import os
import resource
import signal
import time
from pathlib import Path

from lib.calls import CallContext
from lib.calls.functions import function

ROOM_BYTES = 64 * 1024 * 1024


@function
async def kill_itself(diary: str) -> None:
    """SIGKILL, as the system does to a process that takes too much memory."""
    _note(diary, "began")
    os.kill(os.getpid(), signal.SIGKILL)


@function
async def block_once(diary: str, seconds: float) -> str:
    """Lets nothing else run in the process for a while; not the second time."""
    if _note(diary, "began") == 1:
        time.sleep(seconds)  # noqa: ASYNC251  # that is the fault
    return "done"


@function
async def block(diary: str) -> None:
    """Lets nothing else run in the process, ever."""
    _note(diary, "began")
    while True:
        time.sleep(60)  # noqa: ASYNC251  # that is the fault


@function
async def take_all_memory(diary: str) -> int:
    """Takes memory until there is none; the limit is set here, as a machine's is not for a test to reach."""
    _note(diary, "began")
    used = _used_bytes()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM_BYTES, before[1]))
    try:
        return len([bytearray(1 << 20) for _ in range(1 << 12)])
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@function
async def tell(context: CallContext, diary: str, n: int) -> int:
    """Leaves a line in the diary."""
    _note(diary, context.idempotency_key)
    return n


def _used_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _note(diary: str, line: str) -> int:
    """Write this line where no kill can take it back; answers how many there are now."""
    with Path(diary).open("a") as file:
        file.write(f"{line}\n")
    return len(Path(diary).read_text().splitlines())
