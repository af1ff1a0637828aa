"""Waves one after the other on a database of their own; a failure is made as small as it gets before it is told."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from lib import calls, db, engine, migrate
from lib.config import settings
from lib.dbtool import logins
from lib.dbtool.setup import set_up
from lib.dev.postgres import Server
from tests.engine.sql.ledger import PASSWORDS, SCHEMA, WISHES, find
from tests.soak import broken
from tests.soak.counts import Counts
from tests.soak.instances import Nursery
from tests.soak.invariants import Violation
from tests.soak.plan import Plan
from tests.soak.wave import LEASE_SECONDS, Wave

# No fsync: the machine does not fail here. But what was committed survives the death of a server process.
SETTINGS = {"synchronous_commit": "on"}
# What one smaller plan may take; a race that needs longer to show is told as it was found.
SHRINK_SECONDS = 6.0


class Failed(Exception):
    """A wave broke a promise."""

    def __init__(self, plan: Plan, why: Exception, history: str) -> None:
        super().__init__(f"{why}\n  {plan}\n{history}")
        self.plan, self.why = plan, why


async def soak(
    server: Server, seed: int, seconds: float, *, build: str | None = None, plan: Plan | None = None
) -> Counts:
    """Waves for about this long; raises Failed with the smallest plan that fails, too."""
    counts, end_at, number = Counts(), time.monotonic() + seconds, 0
    while (left := end_at - time.monotonic()) > 1 or not number:
        shape = plan or Plan(0)
        wave = replace(shape, seed=seed + number, seconds=min(shape.seconds, max(left, 3.0)))
        try:
            counts.add(await run_wave(server, wave, build=build))
        except (Violation, AssertionError) as exc:
            raise Failed(wave, exc, "") from exc
        number += 1
    return counts


async def run_wave(server: Server, plan: Plan, *, build: str | None = None) -> Counts:
    """One wave on a fresh database."""
    server.drop_database("soak")
    server.create_database("soak")
    urls = find(server.url("soak"))
    url = urls.owner
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute(SCHEMA.encode())
        await set_up(url, WISHES, PASSWORDS)
        await migrate.migrate(url, urls.writer)
        for statement in broken.statements(build) if build else ():
            await conn.execute(statement.encode())
    environment = {"RATCHET_LEASE": str(LEASE_SECONDS), "RATCHET_LINGER": "1", "RATCHET_EVENT_DAYS": "1"}
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    named = {
        who: {name: make_conninfo(one, application_name=who) for name, one in urls.environment.items()}
        for who in ("soak", "instance")
    }
    with _environment({**environment, **named["soak"]}):
        try:
            with Nursery(named["instance"], folder / "world") as nursery:
                return await Wave(plan, nursery, url, folder / "world").run()
        finally:
            await engine.close()
            await calls.close()
            await logins.close()
            await db.close()
            shutil.rmtree(folder, ignore_errors=True)


async def shrink(server: Server, failed: Failed, *, build: str | None = None, seconds: float = 300) -> Failed:
    """The smallest plan found that still fails: without a fault, a kind of task, an instance after the other."""
    smallest, end_at = failed, time.monotonic() + seconds
    for candidate in _smaller(failed.plan):
        merged = _merge(smallest.plan, candidate)
        if merged == smallest.plan or time.monotonic() > end_at:
            continue
        try:
            await run_wave(server, replace(merged, seconds=min(merged.seconds, SHRINK_SECONDS)), build=build)
        except (Violation, AssertionError) as exc:
            smallest = Failed(merged, exc, await tell_history(server, exc))
    if smallest is failed:
        smallest = Failed(failed.plan, failed.why, await tell_history(server, failed.why))
    return smallest


type Change = dict[str, object]


def _smaller(plan: Plan) -> Iterator[Change]:
    yield {"live_runs": max(plan.live_runs // 4, 2)}
    yield {"documents": 2}
    for fault in plan.faults:
        yield {"faults": fault}
    for kind in plan.kinds:
        yield {"kinds": kind}
    yield {"instances": 2}


def _merge(plan: Plan, change: Change) -> Plan:
    """The plan with this change; what is named of faults and kinds is left out, unless nothing would be left."""
    made = {}
    for name, value in change.items():
        if name in ("faults", "kinds"):
            old = getattr(plan, name)
            made[name] = tuple(each for each in old if each != value) or old
            if name == "kinds" and all(kind in ("for", "fork") for kind in made[name]):
                made[name] = old
        else:
            made[name] = value
    return replace(plan, **made)  # type: ignore[arg-type]


async def tell_history(server: Server, why: Exception) -> str:
    """The shortest history among the runs that broke the promise, as the database tells it."""
    if not isinstance(why, Violation) or not why.runs:
        return ""
    async with await psycopg.AsyncConnection.connect(server.url("soak"), autocommit=True) as conn:
        rows = await (
            await conn.execute(
                "select h.run_id, h.seq, h.first_seq, h.created_at, h.events::text from ratchet.history h"
                " where h.run_id = (select run_id from ratchet.history where run_id = any(%s)"
                " group by run_id order by count(*) limit 1) order by h.seq",
                (list(why.runs),),
            )
        ).fetchall()
    return "\n".join(f"  {run} {first}-{seq} {at:%H:%M:%S.%f} {events[:300]}" for run, seq, first, at, events in rows)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    settings.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        settings.cache_clear()
