"""Backlog: what a claim costs with ever more due and finished runs, and a sweep that finds nothing due."""

import time
from dataclasses import dataclass
from typing import LiteralString
from uuid import uuid4

import psycopg
from psycopg import sql

from tests.bench.contenders import Prepared
from tests.bench.lab import Lab, say
from tests.bench.rounds import NotRun

CLAIMS = 30
IDLE_SECONDS = 2.0
# Made as they would have come, one a millisecond, the newest now: identifiers and moments rise together.
FILL = """
with made as (
  insert into ratchet.runs
    (id, workflow_id, document, status, mode, sealed_seq, due_at, created_at, started_at, finished_at)
  select uuidv7(-age), w.id, w.document, %(status)s, 'auto', 1,
         case when %(status)s = 'pending' then now() - age else 'infinity' end, now() - age,
         case when %(status)s = 'completed' then now() - age end,
         case when %(status)s = 'completed' then now() - age end
  from (select id, document from ratchet.workflows order by name limit 1) w,
       generate_series(%(oldest)s, %(newest)s, -1) n, make_interval(secs => n / 1000.0) age
  returning id
)
insert into ratchet.run_payloads (run_id, input) select id, '{}' from made
"""
# Nothing is ever updated in a finished run: 20 GB of room in ten million of them would only fill the disk.
ROOM = (
    "select option_value from pg_options_to_table("
    "(select reloptions from pg_class where oid = 'ratchet.runs'::regclass)) where option_name = 'fillfactor'"
)
SET_ROOM: LiteralString = "alter table ratchet.runs set (fillfactor = {})"
COUNT = "select count(finished_at), count(*) - count(finished_at) from ratchet.runs"
CLAIM = "select count(*) from ratchet.claim_runs(%s, %s, 60, null)"
SLICE = 500_000


@dataclass
class Claims:
    """Milliseconds of single claims, of one run and of fifty, among so many due ones."""

    due: int
    of_one: list[float]
    of_fifty: list[float]


def measure(lab: Lab, ours: Prepared, *, due: list[int], finished: int) -> list[Claims]:
    """For each number of due runs what claims take among so many finished ones."""
    found = []
    with lab.copy(ours.template) as url, psycopg.connect(url, autocommit=True) as conn:
        begin = time.perf_counter()
        _fill(conn, "completed", finished)
        say(f"  backlog: {finished:,} finished runs made in {time.perf_counter() - begin:.0f} s")
        there = 0
        for wanted in sorted(due):
            _fill(conn, "pending", wanted - there)
            there = wanted
            if conn.execute(COUNT).fetchone() != (finished, wanted):
                raise NotRun("there are not as many runs as there should be")
            conn.execute("vacuum (analyze) ratchet.runs, ratchet.run_payloads")
            conn.execute("checkpoint")  # what is left of the filling is not written during the claims
            found.append(Claims(wanted, _time_claims(conn, 1), _time_claims(conn, 50)))
            say(f"  backlog: {wanted:,} due")
    return found


def nothing_due(lab: Lab, ours: Prepared, *, finished: int) -> tuple[list[float], float]:
    """Milliseconds of claims that find nothing, and transactions of a whole sweep that finds nothing."""
    with lab.copy(ours.template) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            _fill(conn, "completed", finished)
            conn.execute("vacuum (analyze) ratchet.runs")
            empty = _time_claims(conn, 50)
        before = lab.transactions(url)
        with ours.processes(url, 1) as (worker,):
            worker.ask("work", runs=0)
            time.sleep(IDLE_SECONDS)
        spent = lab.transactions(url) - before
        return empty, spent / lab.query(url, "select greatest(count(*), 1) from ratchet.sweeps")[0]


def _fill(conn: psycopg.Connection, status: str, count: int) -> None:
    """Insert so many; nothing waits for the disk meanwhile."""
    conn.execute("set synchronous_commit = off")
    [(room,)] = conn.execute(ROOM).fetchall()
    if status == "completed":
        conn.execute(sql.SQL(SET_ROOM).format(100))
    for oldest in range(count, 0, -SLICE):
        conn.execute(FILL, {"status": status, "oldest": oldest, "newest": max(oldest - SLICE, 0) + 1})
    conn.execute(sql.SQL(SET_ROOM).format(int(room)))
    conn.execute("reset synchronous_commit")


def _time_claims(conn: psycopg.Connection, limit: int) -> list[float]:
    """Milliseconds of some claims, each taken back: the backlog stays as long as it is."""
    found = []
    for _ in range(CLAIMS):
        with conn.transaction(force_rollback=True):
            begin = time.perf_counter()
            conn.execute(CLAIM, (uuid4(), limit))
            found.append((time.perf_counter() - begin) * 1000)
    return found
