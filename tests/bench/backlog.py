"""Backlog: what a claim costs with ever more due and finished runs, and a sweep that finds nothing due."""

import time
from uuid import uuid4

import psycopg

from tests.bench.contenders import Prepared
from tests.bench.lab import Lab, middle, say

CLAIMS = 30
FILL = """
with made as (
  insert into ratchet.runs (id, workflow_id, document, status, mode, seq, due_at, created_at, started_at, finished_at)
  select ratchet.new_id(), w.id, w.document, %(status)s, 'auto', 1,
         case when %(status)s = 'pending' then now() - n * interval '1 ms' else 'infinity' end, now(),
         case when %(status)s = 'completed' then now() end, case when %(status)s = 'completed' then now() end
  from ratchet.workflows w, generate_series(1, %(count)s) n
  returning id
)
insert into ratchet.run_payloads (run_id, input) select id, '{}' from made
"""
CLAIM = "select count(*) from ratchet.claim_runs(%s, %s, 60, null)"
SLICE = 250_000


def measure(lab: Lab, ours: Prepared, *, due: list[int], finished: int) -> list[tuple[int, float, float]]:
    """For each number of due runs: milliseconds to claim one, and to claim fifty, among so many finished ones."""
    found = []
    with lab.copy(ours.template) as url, psycopg.connect(url, autocommit=True) as conn:
        _fill(conn, "completed", finished)
        there = 0
        for wanted in sorted(due):
            _fill(conn, "pending", wanted - there)
            there = wanted
            conn.execute("vacuum (analyze) ratchet.runs, ratchet.run_payloads")
            found.append((wanted, _claim_ms(conn, 1), _claim_ms(conn, 50)))
            say(f"  backlog: {wanted} due, {finished} finished")
    return found


def nothing_due(lab: Lab, ours: Prepared, *, finished: int) -> tuple[float, float]:
    """Milliseconds of a claim that finds nothing, and transactions of a whole sweep that finds nothing."""
    with lab.copy(ours.template) as url, psycopg.connect(url, autocommit=True) as conn:
        _fill(conn, "completed", finished)
        conn.execute("vacuum (analyze) ratchet.runs")
        empty = _claim_ms(conn, 50)
        with ours.processes(url, 1) as (worker,), lab.usage(url) as usage:
            worker.ask("work", runs=0)
            time.sleep(1)
            sweeps = conn.execute("select count(*) from ratchet.sweeps").fetchone()
    return empty, usage.transactions / max(sweeps[0] if sweeps else 1, 1)


def _fill(conn: psycopg.Connection, status: str, count: int) -> None:
    while count > 0:
        conn.execute(FILL, {"status": status, "count": min(count, SLICE)})
        count -= SLICE


def _claim_ms(conn: psycopg.Connection, limit: int) -> float:
    """The median of some claims, each taken back: the backlog stays as long as it is."""
    found = []
    for _ in range(CLAIMS):
        with conn.transaction(force_rollback=True):
            begin = time.perf_counter()
            conn.execute(CLAIM, (uuid4(), limit))
            found.append((time.perf_counter() - begin) * 1000)
    return middle(found)
