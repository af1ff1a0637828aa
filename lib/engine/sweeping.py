"""The two ways in: a sweep takes whatever is due, a request goes on with its own run after its answer."""

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from lib import dispatch, store
from lib.config import settings
from lib.engine.intake import claim, take_all
from lib.engine.reactor import Reactor
from lib.engine.report import SweepReport
from lib.engine.scheduling import start_scheduled
from lib.engine.session import EFFECT_RESERVE_SECONDS, Session
from lib.errors import DatabaseDown
from lib.log import log

# Small enough that two sweeps that start together share a backlog, large enough for a full batch.
CLAIM_LIMIT = 50
MAX_HELD = 200
# Per sweep, so that retention never takes a sweep's time from the runs.
OLD_RUNS_DELETED = 500
OLD_EVENTS_DELETED = 5_000
OLD_QUERIES_DELETED = 5_000


async def advance_runs(reactor: Reactor, run_ids: Iterable[UUID], deadline: datetime | None) -> None:
    """Take these runs and whom they wake, each again after a wait short enough to linger for, until all are let go."""
    session = reactor.open(deadline)
    session.woken.update(run_ids)
    try:
        while session.woken or await _linger(reactor, session):
            await _take_woken(reactor, session)
            await session.drain(to=MAX_HELD - CLAIM_LIMIT)
            await session.rest()
    finally:
        await reactor.close_session(session)
    if session.out_of_time:
        await dispatch.wake_sweep()
    await reactor.courier.finish(session.seconds_left() - EFFECT_RESERVE_SECONDS)


async def _take_woken(reactor: Reactor, session: Session) -> None:
    if not session.may_claim():
        session.out_of_time = True  # whoever is left is due: the next sweep's
        session.woken.clear()
        return
    woken = [session.woken.pop() for _ in range(min(len(session.woken), CLAIM_LIMIT))]
    await take_all(reactor, session, woken)


async def sweep_all(reactor: Reactor, deadline: datetime | None) -> SweepReport:
    """Claim and advance until nothing is due or the deadline is near; the sweep is recorded either way."""
    begin, commits = time.monotonic(), reactor.commits
    session = reactor.open(deadline)
    report = session.report
    reactor.courier.go(session.seconds_left() - EFFECT_RESERVE_SECONDS)
    try:
        await start_scheduled()
        await _claim_until_drained(reactor, session)
        report.ended = "drained" if session.may_claim() else "deadline"
    finally:
        await reactor.close_session(session)
    report.commits = reactor.commits - commits
    report.backlog = (await store.backlog()).due
    report.ms = round((time.monotonic() - begin) * 1000)
    await store.record_sweep(
        ms=report.ms,
        claimed=report.claimed,
        effects=report.effects,
        commits=report.commits,
        ended=report.ended,
    )
    log("sweep", **report.to_json())
    if report.ended == "deadline" and report.backlog:
        await dispatch.wake_sweep()
    else:
        await _delete_old_runs()
    await reactor.courier.finish(session.seconds_left() - EFFECT_RESERVE_SECONDS)
    return report


async def _delete_old_runs() -> None:
    """Retention is nobody's hurry: when it fails, the sweep has still done its work."""
    try:
        await store.delete_old_runs(days=settings().retention_days, limit=OLD_RUNS_DELETED)
        await store.delete_old_events(days=settings().event_days, limit=OLD_EVENTS_DELETED)
        await store.delete_old_queries(days=settings().retention_days, limit=OLD_QUERIES_DELETED)
    except DatabaseDown as exc:
        log("engine.retention_failed", error=repr(exc))


async def _claim_until_drained(reactor: Reactor, session: Session) -> None:
    while session.may_claim():
        session.woken.clear()  # whoever is due is claimed
        session.room = False
        try:
            taken = await claim(reactor, session, limit=CLAIM_LIMIT)
        except DatabaseDown:
            await session.drain()  # what is held may still end: the commits ask again and again
            raise
        if taken == CLAIM_LIMIT:
            await session.drain(to=MAX_HELD - CLAIM_LIMIT)
            continue
        await session.rest(or_room=True)
        if not (taken or session.woken or session.room or await _linger(reactor, session)):
            break
    await session.drain()


async def _linger(reactor: Reactor, session: Session) -> bool:
    """Sleep until the next of the session's waits is over, if that is soon: 2 s need not take a minute."""
    if not session.waiting:
        return False
    due_at = min(due_at for due_at, _ in session.waiting)
    seconds = max((due_at - reactor.clock.now()).total_seconds(), 0.0)
    if seconds > settings().linger_seconds or not session.may_claim(after_seconds=seconds):
        return False
    await asyncio.sleep(seconds)
    session.woken.update(run_id for due, run_id in session.waiting if due <= due_at)
    session.waiting = [(due, run_id) for due, run_id in session.waiting if due > due_at]
    return True
