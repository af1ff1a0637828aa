"""How runs come into the reactor: a sweep claims what is due, a request takes the run it has just made."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from lib import dsl, store
from lib.config import settings
from lib.engine.documents import load_document
from lib.engine.hold import Hold, failure_entry
from lib.engine.reactor import Reactor
from lib.engine.session import Session
from lib.log import log
from lib.store import Claimed


async def claim(reactor: Reactor, session: Session, *, limit: int, only: Sequence[UUID] | None = None) -> int:
    """Take due runs into this session; answers how many it got."""
    claimed = await store.claim_runs(reactor.lease, limit=limit, lease_seconds=settings().lease_seconds, only=only)
    for run in claimed:
        await _adopt(reactor, run, session)
    return len(claimed)


async def _adopt(reactor: Reactor, run: Claimed, session: Session) -> None:
    reactor.hear(run.now)
    session.report.claimed += 1
    try:
        document = await load_document(run.document)
    except dsl.Fault as fault:
        log("engine.unreadable_document", run_id=run.run_id, error=fault.detail)
        entry = failure_entry(run.run_id, run.seq, fault, [], [])
        await store.commit_batch(reactor.lease, settings().lease_seconds, [entry])
        session.let_go(run.run_id, "failed", None)
    else:
        reactor.adopt(Hold(run, document, session))


async def take(reactor: Reactor, session: Session, run_id: UUID) -> None:
    """Hold this run for this session, if it is due and nobody else has it; requests of one moment share one claim."""
    reactor.wanted[run_id] = session
    if reactor.claiming is None:
        reactor.claiming = asyncio.create_task(_claim_wanted(reactor))
    await asyncio.shield(reactor.claiming)


async def _claim_wanted(reactor: Reactor) -> None:
    try:
        while reactor.wanted:
            wanted, reactor.wanted = reactor.wanted, {}
            claimed = await store.claim_runs(
                reactor.lease, limit=len(wanted), lease_seconds=settings().lease_seconds, only=list(wanted)
            )
            for run in claimed:
                await _adopt(reactor, run, wanted[run.run_id])
    finally:
        reactor.claiming = None
