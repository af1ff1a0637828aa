"""Restate: its server keeps the journal, this process serves the handler over HTTP/2 and posts the runs."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import restate
from hypercorn.asyncio import serve as serve_http
from hypercorn.config import Config
from protocol import STEPS_PER_RUN, TALLY, serve, time_runs_async

AT_ONCE = 100
SERVER = Path(sys.prefix).parent / "restate-server" / "node_modules" / ".bin" / "restate-server"
service = restate.Service("bench")
_tasks: set[asyncio.Task[None]] = set()


@service.handler()
async def linear(ctx: restate.Context) -> None:
    """Five journaled steps, one after another."""
    for number in range(STEPS_PER_RUN):
        await ctx.run(f"step{number}", lambda number=number: TALLY.step(number))


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def start() -> None:
    """The server with data of its own, our handler, and the one made known to the other."""
    global client
    ingress, admin, fabric, ours = (free_port() for _ in range(4))
    address = "127.0.0.1:{}".format
    server = subprocess.Popen(  # noqa: ASYNC220  nothing else happens yet
        ["/bin/sh", "-c", '"$0" & trap "kill $!" TERM; read -r _; kill $!', str(SERVER)],
        stdin=subprocess.PIPE,  # the server ends when this process does, however it does
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "RESTATE_BASE_DIR": tempfile.mkdtemp(prefix="ratchet-bench-restate-"),
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_BIND_IP": "127.0.0.1",
            "RESTATE_BIND_PORT": str(fabric),
            "RESTATE_INGRESS__BIND_PORT": str(ingress),
            "RESTATE_ADMIN__BIND_PORT": str(admin),
        },
    )
    config = Config()
    config.bind = [address(ours)]
    _tasks.add(asyncio.create_task(serve_http(restate.app([service]), config)))
    limits = httpx.Limits(max_connections=AT_ONCE)
    client = httpx.AsyncClient(base_url=f"http://{address(ingress)}", limits=limits, timeout=60)
    await register(f"http://{address(admin)}", f"http://{address(ours)}")
    client.server = server


async def register(admin: str, ours: str) -> None:
    """Ask until the server is up and has taken our handler."""
    async with asyncio.timeout(30):
        while True:
            try:
                answer = await client.post(f"{admin}/deployments", json={"uri": ours})
                answer.raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(0.2)
            else:
                return


async def run_once() -> None:
    """One run, from its POST to its answer."""
    answer = await client.post("/bench/linear")
    answer.raise_for_status()
    TALLY.finished += 1


async def work(runs: int) -> None:
    """Post so many, a number of them at once, in the background."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with gate:
            await run_once()

    _tasks.update(asyncio.create_task(one()) for _ in range(runs))


async def latency(runs: int) -> dict[str, list[float]]:
    """One run at a time."""
    return await time_runs_async(runs, run_once)


if __name__ == "__main__":
    serve(
        prepare=lambda: None,
        start=start,
        enqueue=lambda runs: None,
        work=work,
        latency=latency,
    )
