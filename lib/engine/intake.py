"""How runs come into the reactor: a sweep claims what is due, a request takes the run it has just made."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from uuid import UUID

from lib import dsl, store
from lib.config import settings
from lib.dsl import faults
from lib.engine.committing import commit
from lib.engine.documents import load_document
from lib.engine.hold import CLAIMS_WITHOUT_PROGRESS, Hold, failure_entry, faulted_event
from lib.engine.reactor import Reactor
from lib.engine.session import Session
from lib.errors import RatchetError
from lib.log import log
from lib.store import Claimed, Mail


async def claim(reactor: Reactor, session: Session, *, limit: int, only: Sequence[UUID] | None = None) -> int:
    """Take due runs into this session; answers how many it got."""
    leased_until = time.monotonic() + settings().lease_seconds
    seconds = settings().lease_seconds
    with reactor.suspects.room() as room:
        claimed = await store.claim_runs(reactor.lease, limit=limit, lease_seconds=seconds, only=only, suspects=room)
        for run in claimed:
            await _adopt(reactor, run, session, leased_until)
    return len(claimed)


async def _adopt(reactor: Reactor, run: Claimed, session: Session, leased_until: float) -> None:
    reactor.clock.hear(run.now)
    session.report.claimed += 1
    try:
        hold = Hold(run, await load_document(run.document), session, leased_until)
    except dsl.Fault as fault:
        await _refuse(reactor, run, session, fault)
    except RatchetError:
        raise
    except Exception as exc:  # written by another release, perhaps: it may be among those that claim it next
        log("engine.unreadable_state", run_id=run.run_id, error=repr(exc))
        if run.claims > CLAIMS_WITHOUT_PROGRESS:
            await _refuse(reactor, run, session, faults.runtime("This release cannot read the run's state."))
        else:
            session.let_go(run.run_id, "lost", None)
    else:
        reactor.adopt(hold)


async def _refuse(reactor: Reactor, run: Claimed, session: Session, fault: dsl.Fault) -> None:
    log("engine.run_refused", run_id=run.run_id, error=fault.detail)
    entry = failure_entry(run.run_id, run.seq, fault, [faulted_event(fault)], [])._replace(mail=Mail())
    answers = await commit(reactor.lease, [entry], reactor.clock.hear)
    session.let_go(run.run_id, "failed", None)
    reactor.notice({run_id for answer in answers for run_id in answer.verdict.woken}, session)


async def take(reactor: Reactor, session: Session, run_id: UUID) -> None:
    """Hold this run for this session, if it is due and nobody else has it; requests of one moment share one claim."""
    reactor.wanted[run_id] = session
    try:
        while reactor.wanted.get(run_id) is session:
            if reactor.claiming is None:
                reactor.claiming = asyncio.create_task(_claim_wanted(reactor))
            await asyncio.shield(reactor.claiming)
    finally:
        if reactor.wanted.get(run_id) is session:
            del reactor.wanted[run_id]


async def take_all(reactor: Reactor, session: Session, run_ids: Iterable[UUID]) -> None:
    """Take those of these runs that are due and that nobody else has."""
    await asyncio.gather(*(take(reactor, session, run_id) for run_id in run_ids))


async def _claim_wanted(reactor: Reactor) -> None:
    wanted, reactor.wanted = reactor.wanted, {}
    try:
        leased_until = time.monotonic() + settings().lease_seconds
        claimed = await store.claim_runs(
            reactor.lease,
            limit=len(wanted),
            lease_seconds=settings().lease_seconds,
            only=list(wanted),
            suspects=0,  # theirs are new, or were let go: runs that were lost are the sweeps', who wait for their turn
        )
        for run in claimed:
            await _adopt(reactor, run, wanted[run.run_id], leased_until)
    finally:
        reactor.claiming = None
