"""A TCP proxy that holds back every byte for a while, as a network between a function and its database does.

`python -m tests.bench.delay <port of the server> <milliseconds per round trip>` prints its own port and serves until
its input ends.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Each chunk leaves so long after it came: what comes close together stays close together."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        while data := await reader.read(1 << 16):
            queue.put_nowait((loop.time() + seconds, data))
        queue.put_nowait((0.0, b""))

    reading = asyncio.create_task(read())
    with suppress(ConnectionError):
        while (item := await queue.get())[1]:
            await asyncio.sleep(item[0] - loop.time())
            writer.write(item[1])
    reading.cancel()
    writer.close()


async def _serve(port: int, seconds: float) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server, from_us = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pipe(reader, from_us, seconds), _pipe(to_server, writer, seconds))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextmanager
def delayed(url: str, port: int, milliseconds: float) -> Iterator[str]:
    """The same URL by way of a proxy that adds this to every round trip."""
    command = [sys.executable, "-m", "tests.bench.delay", str(port), str(milliseconds)]
    proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert proxy.stdout
    try:
        yield url.replace(f":{port}/", f":{proxy.stdout.readline().strip()}/")
    finally:
        proxy.kill()
        proxy.wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 2 / 1000))
