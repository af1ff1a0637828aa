"""Who takes part: ourselves, two bare ceilings, and peers, each peer in a virtual environment made for it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.lab import HOME, Lab, say
from tests.bench.rounds import NotRun, explain
from tests.bench.worker import Worker

PEERS = Path(__file__).with_name("peers")
INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Contender:
    """A script that speaks the protocol; `unfinished` counts open runs in SQL (None: the process itself tells).

    `packages` are installed for it, `npm` beside them; `counted` says whether its data is in our Postgres, `told`
    what a reader of its figures has to know of how its script uses it.
    """

    name: str
    script: str
    unfinished: str | None = None
    packages: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    shares: bool = True
    counted: bool = True
    told: str = ""

    @property
    def ours(self) -> bool:
        """Whether it runs in the project's own environment."""
        return not self.packages

    @property
    def folder(self) -> Path:
        """Where its environment is."""
        return HOME / self.script.partition("_")[0]

    def command(self, url: str) -> list[str]:
        """How its process is started."""
        if self.ours:
            return [sys.executable, "-m", f"tests.bench.{self.script}", url]
        return [str(self.folder / "venv" / "bin" / "python"), str(PEERS / f"{self.script}.py"), url]

    def install(self) -> None:
        """Make its environment, once; raises NotRun when it cannot be had."""
        if self.ours or (self.folder / "installed").exists():
            return
        say(f"installing {', '.join(self.packages + self.npm)}")
        self.folder.mkdir(parents=True, exist_ok=True)
        venv = self.folder / "venv"
        commands = [
            [sys.executable, "-m", "venv", "--clear", str(venv)],
            [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *self.packages],
        ]
        if self.npm:
            if not shutil.which("npm"):
                raise NotRun("npm is not there")
            prefix = str(self.folder / "restate-server")
            commands.append(
                ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", prefix, *self.npm]
            )
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
            if done.returncode:
                said = done.stderr.strip().splitlines() or ["it failed silently"]
                raise NotRun(next((line for line in said if "error" in line.lower()), said[-1]))
        (self.folder / "installed").touch()

    def version(self) -> str:
        """Of its first package, as installed, and how it is used."""
        code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
        name = self.packages[0].partition("==")[0]
        python = str(self.folder / "venv" / "bin" / "python")
        found = subprocess.run([python, "-c", code, name], capture_output=True, text=True, check=False).stdout.strip()
        return ", ".join([f"{name} {found}", *self.npm, self.told])


RATCHET = Contender(
    "ratchet",
    "ours",
    "select count(*) from ratchet.runs where status in ('pending', 'running', 'waiting')",
)
BARE = Contender(
    "bare ceiling",
    "bare",
    "select count(*) from bare_runs where status in ('pending', 'running')",
)
BARE_ASYNCIO = replace(BARE, name="bare asyncio", script="bare_asyncio")
BARE_STORE = replace(RATCHET, name="bare store", script="bare_store")
# By their names: they are no engines, and so nobody's peers.
CEILINGS = frozenset({BARE.name, BARE_ASYNCIO.name, BARE_STORE.name})
# All others are held against these two: without one of them there is nothing to say.
VITAL = (RATCHET, BARE)
PEERS_OF_OURS = [
    Contender(
        "dbos queue",
        "dbos_queue",
        "select count(*) from dbos.workflow_status where status in ('ENQUEUED', 'PENDING')",
        ("dbos==3.4.0",),
        told="polls every 100 ms, a tenth of its default",
    ),
    Contender("dbos direct", "dbos_direct", None, ("dbos==3.4.0",), shares=False, told="10 runs at once, in threads"),
    Contender(
        "absurd",
        "absurd_worker",
        "select count(*) from absurd.t_bench where state not in ('completed', 'failed', 'cancelled')",
        ("absurd-sdk==0.5.1", "absurdctl==0.5.1", "psycopg[binary]==3.3.9"),
        told="claims 10 tasks at a time, polls every 250 ms, its default",
    ),
    Contender(
        "procrastinate",
        "procrastinate_worker",
        "select count(*) from procrastinate_jobs where status in ('todo', 'doing')",
        ("procrastinate==3.10.0", "psycopg[binary]==3.3.9"),
        told="10 jobs at once; a run is a chain of jobs that keep no results",
    ),
    Contender(
        "restate",
        "restate_service",
        None,
        ("restate-sdk==1.3.0", "hypercorn==0.18.0", "httpx==0.28.1"),
        ("@restatedev/restate-server@1.7.12",),
        shares=False,
        counted=False,
        told="100 runs at once; its own server keeps the journal",
    ),
]


@dataclass(frozen=True)
class Prepared:
    """A contender that can run: the template its databases are copies of, and how many seconds it is waited for."""

    contender: Contender
    template: str
    patience: float

    @contextmanager
    def processes(self, url: str, count: int) -> Iterator[list[Worker]]:
        """So many started processes on this database."""
        workers = []
        with ExitStack() as stack:
            for _ in range(count):
                worker = start_worker(self.contender, url, self.patience)
                stack.callback(worker.stop)
                workers.append(worker)
            for worker in workers:
                worker.ask("start")
            yield workers


def start_worker(contender: Contender, url: str, patience: float) -> Worker:
    """One process of this contender; what it says aloud is appended to a log of its own."""
    HOME.mkdir(parents=True, exist_ok=True)
    return Worker(contender.command(url), url, HOME / f"{contender.script}.log", patience)


def prepare(lab: Lab, contender: Contender, patience: float) -> Prepared:
    """Install it and make its schema; raises NotRun, or what else keeps it from being measured here."""
    contender.install()
    template = f"template_{contender.script}"
    worker = start_worker(contender, lab.template(template), patience)
    try:
        worker.ask("prepare")
    finally:
        worker.stop()
    return Prepared(contender, template, patience)


def prepare_field(lab: Lab, contenders: Sequence[Contender], patience: float) -> tuple[list[Prepared], dict[str, str]]:
    """Who can run here, and why the others cannot; raises NotRun when it is one of those that all is held against."""
    field, absent = [], {}
    for contender in contenders:
        try:
            field.append(prepare(lab, contender, patience))
        except Exception as error:
            if contender in VITAL:
                raise NotRun(f"{contender.name}: {explain(error)}") from error
            absent[contender.name] = explain(error)
            say(f"  not run: {contender.name}: {absent[contender.name]}")
    return field, absent
