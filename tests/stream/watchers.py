"""Clients that reconnect by themselves, as processes that report each message they get."""

import asyncio
import json
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "clients"
PACKAGES = ["eventsource@4", "@microsoft/fetch-event-source@2"]
CHROMIUM = ["chromium", "chromium-browser", "google-chrome"]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-web-security",  # the page comes from the test, the stream from the platform
]  # fmt: skip

type Reports = asyncio.Queue[dict[str, Any]]


def install_npm_clients(folder: Path) -> Path:
    """A folder where node finds npm's clients; skips where they cannot be installed."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm")
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, folder)
    (folder / "package.json").write_text("{}")
    command = ["npm", "install", *PACKAGES, "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install the clients: {done.stderr.strip()[-200:]}")
    return folder


@asynccontextmanager
async def watch_with_node(script: Path, url: str) -> AsyncIterator[Reports]:
    """What this script, a client under node, gets from this stream."""
    reports: Reports = asyncio.Queue()
    process = await asyncio.create_subprocess_exec(
        "node", script, url, cwd=script.parent, stdout=asyncio.subprocess.PIPE
    )
    reader = asyncio.create_task(_read_lines(process, reports))
    try:
        yield reports
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reader


async def _read_lines(process: asyncio.subprocess.Process, reports: Reports) -> None:
    assert process.stdout
    async for line in process.stdout:
        reports.put_nowait(json.loads(line))


@asynccontextmanager
async def watch_with_chromium(profile: Path, url: str) -> AsyncIterator[Reports]:
    """What a headless Chromium's own EventSource gets from this stream."""
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("needs chromium")
    reports: Reports = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _answer(reader, writer, reports)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        page = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/?stream={url}"
        process = await asyncio.create_subprocess_exec(
            program, *FLAGS, f"--user-data-dir={profile}", page,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield reports
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await process.wait()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reports: Reports) -> None:
    """Serve the page, take its reports."""
    with suppress(asyncio.IncompleteReadError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        body = b""
        if head.startswith("post /report"):
            length = int(head.partition("content-length:")[2].split("\r\n")[0])
            reports.put_nowait(json.loads(await reader.readexactly(length)))
        elif head.startswith("get /?"):
            body = (HERE / "chromium.html").read_bytes()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
    writer.close()
