"""A real HTTP service on loopback for effects to call: it counts, it can be slow, fail, or be held."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The Idempotency-Key, which names the effect."""
        return self.headers.get("idempotency-key", "")


@dataclass
class Service:
    """Answers every request with its path and number; `failures` answers 503 that often per path first.

    While `gate` is clear, answers are held back; `arrived` is set at each request.
    """

    requests: list[Request] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    most_at_once: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()
        self._open: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.gate.set()
        self._server.close()

    def keys(self) -> Counter[str]:
        """How often each effect was asked for."""
        return Counter(request.key for request in self.requests)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request = await self._read(head, reader)
                await self._answer(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _read(self, head: bytes, reader: asyncio.StreamReader) -> Request:
        first, *lines = head.decode().rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Request(*first.split()[:2], headers, body)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        self._open[request.key] += 1
        self.most_at_once[request.key] = max(self.most_at_once[request.key], self._open[request.key])
        self.arrived.set()
        await self.gate.wait()
        self._open[request.key] -= 1
        status, content = self._decide(request)
        body = json.dumps(content).encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()

    def _decide(self, request: Request) -> tuple[int, Any]:
        if self.failures[request.path] > 0:
            self.failures[request.path] -= 1
            return 503, {"error": "not now"}
        return 200, {"path": request.path, "number": len(self.requests)}
