"""A process and all that it starts: one process group that is listened to, up to a limit, and killed as a whole."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any, Self

LIMIT_BYTES = 1024 * 1024
# A descendant that has left the group may hold the pipes open for ever; what the group wrote is there by then.
_LAST_WORDS_SECONDS = 1.0
_STREAMS = {1: "stdout", 2: "stderr"}


class Group(asyncio.SubprocessProtocol):
    """What a process said and how it ended.

    A protocol of its own, because `Process.wait` of some Python 3.12 waits for the pipes, too.
    """

    limit = LIMIT_BYTES

    def __init__(self) -> None:
        self.too_loud: str | None = None
        self._heard = {number: bytearray() for number in _STREAMS}
        self._exited = asyncio.Event()
        self._silent = asyncio.Event()
        self._transport: asyncio.SubprocessTransport

    @classmethod
    async def start(cls, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], heard: bool) -> Self:
        """Start the command in `folder`/work with `folder`/stdin as its input; raises OSError or ValueError."""
        listen = PIPE if heard else DEVNULL
        loop = asyncio.get_running_loop()
        with (folder / "stdin").open("rb") as stdin:
            starting = loop.create_task(
                loop.subprocess_exec(
                    cls,
                    *command,
                    stdin=stdin,
                    stdout=listen,
                    stderr=listen,
                    cwd=folder / "work",
                    env=environment,
                    start_new_session=True,
                )
            )
            try:
                transport, group = await asyncio.shield(starting)
            except asyncio.CancelledError:  # asyncio itself would end the process alone, and not what it has started
                starting.add_done_callback(_end_at_once)
                raise
        group._transport = transport
        return group

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep what is said, or end the group when it is too much."""
        if self.too_loud is None:
            self._heard[fd] += data
            if len(self._heard[fd]) > self.limit:
                self.too_loud = _STREAMS[fd]
                self._kill_all()

    def process_exited(self) -> None:
        """The process has ended; its pipes may not have."""
        self._exited.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        """The process has ended and nobody holds its pipes any longer."""
        self._silent.set()

    async def end(self) -> None:
        """Wait for the process, end what it has left behind, and hear the rest."""
        await self._exited.wait()
        self._kill_all()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await self._silent.wait()

    async def stop(self) -> None:
        """Kill whatever is left and let go of it; of no effect when all is over."""
        if not self._exited.is_set():
            self._kill_all()
        try:
            # first, because a transport that is closed earlier takes the exit code from whoever watches for it
            await self._exited.wait()
        finally:
            self._transport.close()

    def _kill_all(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._transport.get_pid(), signal.SIGKILL)

    @property
    def code(self) -> int:
        """The exit code; 128 and the number of the signal that ended the process, as shells say it."""
        code = self._transport.get_returncode() or 0
        return code if code >= 0 else 128 - code

    @property
    def stdout(self) -> str:
        """The output without its last line break."""
        return self._text(1)

    @property
    def stderr(self) -> str:
        """The error output without its last line break."""
        return self._text(2)

    def _text(self, number: int) -> str:
        return self._heard[number].decode(errors="replace").removesuffix("\n").removesuffix("\r")


def _end_at_once(started: asyncio.Task[tuple[asyncio.SubprocessTransport, Any]]) -> None:
    """End a group whose effect was cancelled while it was being started."""
    if started.cancelled() or started.exception():
        return
    transport, group = started.result()
    group._transport = transport
    group._kill_all()
    transport.close()
