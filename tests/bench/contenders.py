"""Who takes part: ourselves, the bare ceiling, and peers, each peer in a virtual environment made for it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.lab import HOME, ROOT, Lab, say

PEERS = Path(__file__).with_name("peers")


@dataclass(frozen=True)
class Contender:
    """A script that speaks the protocol; `unfinished` counts open runs in SQL (None: the process itself tells).

    `packages` are installed for it, `npm` beside them; `counted` says whether its data is in our Postgres.
    """

    name: str
    script: str
    unfinished: str | None = None
    packages: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    shares: bool = True
    counted: bool = True

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

    def install(self) -> str | None:
        """Make its environment, once; answers why it cannot be had, or None."""
        if self.ours or (self.folder / "installed").exists():
            return None
        say(f"installing {', '.join(self.packages + self.npm)}")
        venv = self.folder / "venv"
        commands = [
            [sys.executable, "-m", "venv", "--clear", str(venv)],
            [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *self.packages],
        ]
        if self.npm:
            if not shutil.which("npm"):
                return "npm is not there"
            prefix = str(self.folder / "restate-server")
            commands.append(
                ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", prefix, *self.npm]
            )
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
            if done.returncode:
                return (done.stderr.strip().splitlines() or ["it failed silently"])[-1][:200]
        (self.folder / "installed").touch()
        return None

    def version(self) -> str:
        """Of its first package, as installed."""
        if self.ours:
            return "this commit"
        code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
        name = self.packages[0].partition("==")[0]
        python = str(self.folder / "venv" / "bin" / "python")
        found = subprocess.run([python, "-c", code, name], capture_output=True, text=True, check=False).stdout.strip()
        return f"{name} {found}" + "".join(f", {package}" for package in self.npm)


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
PEERS_OF_OURS = [
    Contender(
        "dbos queue",
        "dbos_queue",
        "select count(*) from dbos.workflow_status where status in ('ENQUEUED', 'PENDING')",
        ("dbos==3.4.0",),
    ),
    Contender("dbos direct", "dbos_direct", None, ("dbos==3.4.0",), shares=False),
    Contender(
        "absurd",
        "absurd_worker",
        "select count(*) from absurd.t_bench where state not in ('completed', 'failed', 'cancelled')",
        ("absurd-sdk==0.5.1", "absurdctl==0.5.1", "psycopg[binary]==3.3.9"),
    ),
    Contender(
        "procrastinate",
        "procrastinate_worker",
        "select count(*) from procrastinate_jobs where status in ('todo', 'doing')",
        ("procrastinate==3.10.0", "psycopg[binary]==3.3.9"),
    ),
    Contender(
        "restate",
        "restate_service",
        None,
        ("restate-sdk==1.3.0", "hypercorn==0.18.0", "httpx==0.28.1"),
        ("@restatedev/restate-server@1.7.12",),
        shares=False,
        counted=False,
    ),
]


class Worker:
    """One process of a contender."""

    def __init__(self, contender: Contender, url: str) -> None:
        self._log = (HOME / f"{contender.script}.log").open("ab")
        self._process = subprocess.Popen(
            contender.command(url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url},
        )
        self.pid = self._process.pid

    def ask(self, do: str, **arguments: Any) -> Any:
        """One command and its answer; raises RuntimeError when the process has died of it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process ended at `{do}`: see {self._log.name}")
        return json.loads(line)

    def stop(self) -> None:
        """End it, as a crash would: what it still holds is nobody's concern."""
        assert self._process.stdin
        self._process.stdin.close()
        time.sleep(0.05)
        self._process.kill()
        self._process.wait()
        self._log.close()


@dataclass
class Prepared:
    """A contender that can run: the template its databases are copies of."""

    contender: Contender
    template: str
    workers: list[Worker] = field(default_factory=list)

    @contextmanager
    def processes(self, url: str, count: int) -> Iterator[list[Worker]]:
        """So many started processes on this database."""
        workers = [Worker(self.contender, url) for _ in range(count)]
        try:
            for worker in workers:
                worker.ask("start")
            yield workers
        finally:
            for worker in workers:
                worker.stop()


def prepare(lab: Lab, contender: Contender) -> Prepared | str:
    """Install it and make its schema; answers the reason if that cannot be done here."""
    HOME.mkdir(parents=True, exist_ok=True)
    if reason := contender.install():
        return reason
    template = f"template_{contender.script}"
    worker = Worker(contender, lab.template(template))
    try:
        worker.ask("prepare")
    except RuntimeError as error:
        return str(error)
    finally:
        worker.stop()
    return Prepared(contender, template)
