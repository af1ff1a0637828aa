"""One process of one function under the platform's own Python runtime, and what it tells us.

The runtime connects to a unix socket and sends JSON messages, each ended by a NUL: `server-started` with the
port it serves plain HTTP on, `log`, `end` of an invocation, `unrecoverable-error`.
"""

import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lib.dev.errors import DevError

# The watching thread ends the process when our end of its stdin closes, however we died.
BOOT = (
    "import os, threading;"
    "threading.Thread(target=lambda: os.read(0, 1) or os._exit(1), daemon=True).start();"
    "import vercel_runtime.vc_init"
)
DRAIN_SECONDS = 0.5  # what the platform gives an instance between SIGTERM and the end
SETTLE_SECONDS = 0.5
MAX_MESSAGE_BYTES = 16 * 1024 * 1024

type OnMessage = Callable[[str, dict[str, Any]], None]


class FunctionFailed(DevError):
    """A function's process ended before it could serve."""


class Instance:
    """A running process; `port` takes plain HTTP. Made by `start_instance`."""

    def __init__(self, process: asyncio.subprocess.Process, on_message: OnMessage) -> None:
        self._process = process
        self._on_message = on_message
        self._started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(task) for task in (self._relay_output(), self._watch_exit())]
        self._killed = False
        self.port = 0

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.returncode is None and not self._killed

    async def wait_until_started(self) -> None:
        """Return when it serves; raises FunctionFailed when it ended instead."""
        self.port = await self._started

    async def read_messages(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what the runtime says until it hangs up."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                message = json.loads((await reader.readuntil(b"\0"))[:-1])
                self._take(message["type"], message.get("payload", {}))
        writer.close()

    def kill(self) -> None:
        """SIGKILL to it and to all that it has started: what the platform does at the end of maxDuration.

        A helper that lived on would hold its output open, and whoever reads that to the end would wait for ever.
        """
        self._killed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def settle(self) -> None:
        """After a broken connection: see whether the process is ending, so that nobody else is sent there."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), SETTLE_SECONDS)

    async def stop(self) -> None:
        """SIGTERM, a moment to drain, then SIGKILL; returns when the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), DRAIN_SECONDS)
        self.kill()
        await asyncio.gather(*self._tasks)

    def _take(self, kind: str, payload: dict[str, Any]) -> None:
        if kind == "server-started" and not self._started.done():
            self._started.set_result(int(payload["httpPort"]))
        elif kind == "log":
            text = base64.b64decode(payload["message"]).decode(errors="replace")
            self._on_message("log", {"text": text, **payload["context"]})
        elif kind == "end":
            self._on_message("end", payload["context"])

    async def _relay_output(self) -> None:
        """What bypasses the runtime: a crash of the interpreter, an import that fails."""
        assert self._process.stdout  # noqa: S101  # asked for when the process was made
        async for line in self._process.stdout:
            self._on_message("log", {"text": line.decode(errors="replace"), "requestId": 0})

    async def _watch_exit(self) -> None:
        code = await self._process.wait()
        if not self._started.done():
            self._started.set_exception(FunctionFailed(f"its process ended with code {code} at start"))
            self._started.exception()  # the request that waited may be gone: that is no reason to complain
        self._on_message("exit", {"code": code})


async def start_instance(root: Path, file: Path, env: Mapping[str, str], on_message: OnMessage) -> Instance:
    """Start `file` of the project at `root` and return when it takes requests."""
    with tempfile.TemporaryDirectory(prefix="ratchet-") as folder:
        ipc = str(Path(folder, "ipc"))
        made: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await (await made).read_messages(reader, writer)

        server = await asyncio.start_unix_server(listen, ipc, limit=MAX_MESSAGE_BYTES)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", BOOT,
            cwd=root, env=_environment(root, file, env, ipc), start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            limit=MAX_MESSAGE_BYTES,
        )  # fmt: skip
        instance = Instance(process, on_message)
        made.set_result(instance)
        try:
            await instance.wait_until_started()
        except asyncio.CancelledError:
            instance.kill()
            await instance.stop()
            raise
        finally:
            server.close()
    return instance


def _environment(root: Path, file: Path, env: Mapping[str, str], ipc: str) -> dict[str, str]:
    relative = file.relative_to(root)
    return {
        **os.environ,
        **env,
        "PYTHONPATH": str(root),
        "VERCEL_IPC_PATH": ipc,
        "__VC_HANDLER_ENTRYPOINT": str(relative),
        "__VC_HANDLER_ENTRYPOINT_ABS": str(file),
        "__VC_HANDLER_MODULE_NAME": ".".join(relative.with_suffix("").parts),
        "__VC_HANDLER_VARIABLE_NAME": "app",
    }
