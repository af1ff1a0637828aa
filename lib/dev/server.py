"""The local platform: what Vercel does around the functions, on one port of this machine."""

import asyncio
import http
import os
import resource
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import h11

from lib.dev import proxy
from lib.dev.errors import DevError
from lib.dev.functions import Function, Log
from lib.dev.listener import Listener
from lib.dev.proxy import Refused
from lib.dev.router import FunctionCall, Router, StaticFile
from lib.dev.ticker import Ticker
from lib.dev.wire import Wire

PROJECT = Path(__file__).resolve().parents[2]
DRAIN_BYTES = 64 * 1024 * 1024  # who is still sending would not read a refusal


def ignore_log(_source: str, _line: str) -> None:
    """A log for who does not want one."""


class LocalPlatform:
    """Serves the project at `root` on `http://127.0.0.1:<port>` while the `async with` block lasts.

    `env` is added to our environment for every function. `cron_seconds` is the time between two calls of
    each cron (None: never). `max_duration` replaces what vercel.json says for every function; `enforce`
    False lets functions run for ever.
    """

    def __init__(
        self,
        root: Path = PROJECT,
        *,
        env: Mapping[str, str] | None = None,
        port: int = 0,
        cron_seconds: float | None = None,
        max_duration: float | None = None,
        enforce: bool = True,
        log: Log = ignore_log,
    ) -> None:
        self.env = dict(env or {})
        self.port = port
        self._log = log
        self._router = Router(root.resolve())
        self._functions = {
            name: Function(
                file, root.resolve(), self.env, (max_duration or file.max_duration) if enforce else None, log
            )
            for name, file in self._router.functions.items()
        }
        self._ticker = Ticker(self._router.crons, cron_seconds, log)
        self._listener = Listener(self._serve)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each function that has a living process, by the function's name."""
        return {name: each.pid for name, each in self._functions.items() if each.pid is not None}

    def kill(self, function: str) -> None:
        """SIGKILL a function's process; its next request starts another."""
        self._functions[function].kill()

    async def __aenter__(self) -> Self:
        _raise_file_limit()
        try:
            self.port = await self._listener.open(self.port)
        except OSError as error:
            raise DevError(f"Port {self.port} is in use: choose another, for example PORT={self.port + 1}.") from error
        self.env.setdefault("RATCHET_URL", self.url)  # the functions hold this very dict and start later
        self._ticker.start(self.url, (os.environ | self.env).get("CRON_SECRET"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._ticker.stop()
        await self._listener.close()
        await asyncio.gather(*(function.stop() for function in self._functions.values()))

    async def _serve(self, wire: Wire) -> None:
        """Answer one request after the other until either side wants to close."""
        while isinstance(request := await wire.receive(), h11.Request):
            target = request.target.decode()
            found = self._router.find(target)
            try:
                await self._answer(wire, request, found)
            except Refused as refusal:
                source = found.function if isinstance(found, FunctionCall) else "platform"
                self._log(source, f"{request.method.decode()} {target} {refusal.status} {refusal.code}")
                await _refuse(wire, refusal)
            if wire.protocol.our_state is not h11.DONE or wire.protocol.their_state is not h11.DONE:
                return
            wire.protocol.start_next_cycle()

    async def _answer(self, wire: Wire, request: h11.Request, found: StaticFile | FunctionCall | None) -> None:
        if isinstance(found, FunctionCall):
            await proxy.forward(wire, request, found, self._functions[found.function])
            return
        while not isinstance(await wire.receive(), h11.EndOfMessage):
            pass
        if found is None:
            raise Refused(404, "NOT_FOUND")
        if request.method not in (b"GET", b"HEAD"):
            raise Refused(405, "METHOD_NOT_ALLOWED")
        headers = [("cache-control", "public, max-age=0, must-revalidate")]
        await _send(wire, 200, found.media_type, found.path.read_bytes(), headers)


async def _refuse(wire: Wire, refusal: Refused) -> None:
    text = f"{http.HTTPStatus(refusal.status).phrase}\n\n{refusal.code}\n"
    await _send(wire, refusal.status, "text/plain", text.encode(), [("x-vercel-error", refusal.code)])
    drained = 0
    while drained < DRAIN_BYTES and isinstance(event := await wire.receive(), h11.Data):
        drained += len(event.data)


async def _send(wire: Wire, status: int, media: str, body: bytes, headers: list[tuple[str, str]]) -> None:
    kind = f"{media}; charset=utf-8" if media.startswith("text/") else media
    framing = [("content-type", kind), ("content-length", str(len(body)))]
    reason = http.HTTPStatus(status).phrase
    await wire.send(
        h11.Response(status_code=status, reason=reason, headers=[*framing, *headers]),
        h11.Data(data=body),
        h11.EndOfMessage(),
    )


def _raise_file_limit() -> None:
    """Every stream takes two descriptors here; the usual soft limit of 1,024 ends at 500 of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(65_536, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
