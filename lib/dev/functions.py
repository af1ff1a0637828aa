"""A function as the platform runs it: an instance at the first request, many requests in it, a hard end.

An invocation lasts until the app returns, so work after the response counts towards maxDuration, too.
"""

import asyncio
import itertools
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lib.dev.router import FunctionFile
from lib.dev.runtime import Instance, start_instance

type Log = Callable[[str, str], None]


@dataclass
class Invocation:
    """One request that a function works on."""

    number: int
    instance: Instance
    deadline: datetime
    id: str = field(default_factory=lambda: f"dev1::{secrets.token_hex(12)}")
    timed_out: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the platform tells the runtime about this invocation."""
        return [
            (b"x-vercel-id", self.id.encode()),
            (b"x-vercel-internal-invocation-id", self.id.encode()),
            (b"x-vercel-internal-request-id", str(self.number).encode()),
            (b"x-vercel-internal-deadline", self.deadline.isoformat().encode()),
        ]


class Function:
    """One function and its current instance; `seconds` is its maxDuration, None for no limit at all."""

    def __init__(self, file: FunctionFile, root: Path, env: Mapping[str, str], seconds: float | None, log: Log) -> None:
        self.name = file.name
        self._file = file
        self._root = root
        self._env = env
        self._seconds = seconds
        self._log = log
        self._starting: asyncio.Task[Instance] | None = None
        self._invocations: dict[int, Invocation] = {}
        self._numbers = itertools.count(1)
        self._lines: dict[int, str] = {}

    @property
    def pid(self) -> int | None:
        """The process id of the living instance, if there is one."""
        instance = self._instance
        return instance.pid if instance and instance.alive else None

    async def invoke(self) -> Invocation:
        """Begin an invocation, starting the process if none lives; raises FunctionFailed if it cannot."""
        instance = await self._ready_instance()
        seconds = self._seconds or 24 * 3600.0
        invocation = Invocation(next(self._numbers), instance, datetime.now(UTC) + timedelta(seconds=seconds))
        if self._seconds is not None:
            loop = asyncio.get_running_loop()
            invocation.timer = loop.call_later(self._seconds, self._time_out, invocation)
        self._invocations[invocation.number] = invocation
        return invocation

    def end(self, number: int) -> None:
        """Forget an invocation that is over; harmless when it is forgotten already."""
        invocation = self._invocations.pop(number, None)
        if invocation and invocation.timer:
            invocation.timer.cancel()

    def kill(self) -> None:
        """SIGKILL the instance with everything that runs in it; the next request gets a new one."""
        if self._instance:
            self._instance.kill()

    async def stop(self) -> None:
        """End the instance as the platform does; returns when its process is gone."""
        if self._starting is None:
            return
        instance = self._instance
        if instance is None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        else:
            await instance.stop()

    @property
    def _instance(self) -> Instance | None:
        task = self._starting
        if task is None or not task.done() or task.cancelled() or task.exception():
            return None
        return task.result()

    async def _ready_instance(self) -> Instance:
        task, instance = self._starting, self._instance
        dead = instance is not None and not instance.alive
        if task is None or dead or (task.done() and instance is None):
            task = self._starting = asyncio.create_task(self._start(instance))
        return await asyncio.shield(task)  # whoever hangs up now must not take the start from the others

    async def _start(self, dead: Instance | None) -> Instance:
        if dead:
            await dead.stop()  # its last words belong to its own invocations, not to those that come now
        return await start_instance(self._root, self._file.path, self._env, self._take)

    def _time_out(self, invocation: Invocation) -> None:
        invocation.timed_out = True
        self._log(self.name, f"killed: maxDuration of {self._seconds:g} s is over")
        invocation.instance.kill()
        for other in [*self._invocations.values()]:
            if other.instance is invocation.instance:
                self.end(other.number)  # they die of this, not of their own time

    def _take(self, kind: str, payload: dict[str, Any]) -> None:
        if kind == "log":
            self._take_log(int(payload["requestId"]), payload["text"])
        elif kind == "end":
            self._flush(int(payload["requestId"]))
            self.end(int(payload["requestId"]))
        elif kind == "exit":
            self._take_exit(payload["code"])

    def _take_log(self, number: int, text: str) -> None:
        """Print whole lines only: a `print` without an end arrives in pieces."""
        *lines, rest = (self._lines.pop(number, "") + text).split("\n")
        for line in lines:
            self._log(self.name, line)
        if rest:
            self._lines[number] = rest

    def _flush(self, number: int) -> None:
        if number in self._lines:
            self._take_log(number, "\n")

    def _take_exit(self, code: int) -> None:
        for number in [*self._lines]:
            self._flush(number)
        for number in [*self._invocations]:
            self.end(number)
        if code not in (0, -15):
            self._log(self.name, f"process ended with code {code}")
