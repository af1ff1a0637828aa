"""A small HTTP/1.1 server for tests: it hears a request, remembers it, and answers whatever bytes a test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire; header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


type Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
type Handler = Callable[[Received], Answer]


@dataclass
class Server:
    """Where it listens, what it has received and how many connections are open."""

    port: int
    received: list[Received] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    open: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answer(status: int = 200, body: bytes | str = b"", /, **headers: str) -> bytes:
    """A whole response; `content_type="text/plain"` becomes Content-Type."""
    body = body.encode() if isinstance(body, str) else body
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def json_answer(body: str, status: int = 200) -> bytes:
    """A response with this JSON text."""
    return answer(status, body, content_type="application/json")


async def never(writer: asyncio.StreamWriter) -> None:
    """Say nothing, keep the connection."""
    await asyncio.sleep(3600)  # the loop holds its timer; a task that waits for an event of its own is garbage


def pieces(*parts: bytes) -> Answer:
    """An answer that writes these bytes and closes the connection."""

    async def write(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return write


@asynccontextmanager
async def serve(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve on a free loopback port; an answer of bytes keeps the connection, one that writes closes it."""
    connections = 0
    conversations: set[asyncio.Task[None]] = set()  # also keeps those alive that nothing else refers to

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        task = asyncio.current_task()
        assert task
        conversations.add(task)
        task.add_done_callback(conversations.discard)
        connections += 1
        served.open += 1
        mine = connections
        try:
            while request := await _receive(reader, mine):
                served.received.append(request)
                reply = handler(request)
                if not isinstance(reply, bytes):
                    await reply(writer)
                    return
                writer.write(reply)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            served.open -= 1
            served.gone.set()
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls)
    served = Server(server.sockets[0].getsockname()[1])
    try:
        yield served
    finally:
        server.close()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


async def _receive(reader: asyncio.StreamReader, connection: int) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body, connection)
