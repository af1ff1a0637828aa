"""What every contender's process speaks: one JSON command a line in, one JSON answer a line out.

Only the standard library is used here: each peer's script runs in a virtual environment of that peer's own.
"""

import asyncio
import inspect
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

STEPS_PER_RUN = 5


class Tally:
    """What a process has done: when its first step began, how many steps and whole runs it has seen."""

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self.first: float | None = None
        self.steps = 0
        self.finished = 0

    def reset(self) -> None:
        """Begin to count anew."""
        self.first, self.steps, self.finished = None, 0, 0

    def step(self, number: int) -> dict[str, int]:
        """The trivial step that everybody runs: counted, and answered with its number."""
        with self._counting:
            if self.first is None:
                self.first = time.time()
            self.steps += 1
        return {"number": number}

    def show(self) -> dict[str, Any]:
        """The answer to the command `tally`."""
        return {"first": self.first, "steps": self.steps, "finished": self.finished}


TALLY = Tally()


def serve(**commands: Callable[..., Any]) -> None:
    """Answer commands until the input ends; what is not a coroutine function runs in a thread."""
    asyncio.run(_serve({"tally": TALLY.show, "reset": TALLY.reset, **commands}))


async def _serve(commands: dict[str, Callable[..., Any]]) -> None:
    out = sys.stdout
    sys.stdout = sys.stderr  # a library that prints must not speak in our place
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        command = commands[request.pop("do")]
        if inspect.iscoroutinefunction(command):
            answer = await command(**request)
        else:
            answer = await asyncio.to_thread(command, **request)
        out.write(json.dumps(answer) + "\n")
        out.flush()


def time_runs(runs: int, run_once: Callable[[], Any]) -> dict[str, list[float]]:
    """One run at a time: milliseconds until it was done, and until its first step began."""
    whole, first = [], []
    for _ in range(runs):
        TALLY.reset()
        begin, begin_clock = time.perf_counter(), time.time()
        run_once()
        whole.append((time.perf_counter() - begin) * 1000)
        first.append(((TALLY.first or begin_clock) - begin_clock) * 1000)
    return {"whole": whole, "first": first}


async def time_runs_async(runs: int, run_once: Callable[[], Any]) -> dict[str, list[float]]:
    """As `time_runs`, for a coroutine function."""
    whole, first = [], []
    for _ in range(runs):
        TALLY.reset()
        begin, begin_clock = time.perf_counter(), time.time()
        await run_once()
        whole.append((time.perf_counter() - begin) * 1000)
        first.append(((TALLY.first or begin_clock) - begin_clock) * 1000)
    return {"whole": whole, "first": first}
