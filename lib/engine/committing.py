"""Commit entries in batches: again while the database is away, one by one when it refuses a batch."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from lib import store
from lib.calls import Transaction
from lib.config import settings
from lib.errors import DatabaseDown
from lib.log import log
from lib.store import Entry, Verdict

# One statement's worth: a statement of 1 GB is refused, and a few MB already take longer than their fsync.
MAX_BATCH_CHARACTERS = 8 * 1024 * 1024
# Everybody waits while a turn is committed: well within what a renewed lease has left.
STATEMENT_COMMIT_SECONDS = 10.0


class Answer(NamedTuple):
    """A verdict, and until when (on this process's monotonic clock) the lease is surely ours."""

    verdict: Verdict
    leased_until: float


async def commit(lease: UUID, entries: Sequence[Entry], hear: Callable[[datetime], None]) -> list[Answer]:
    """The answers that came; no answer for an entry means that nothing is known of its lease any more."""
    give_up_at = time.monotonic() + settings().lease_seconds
    answers: list[Answer] = []
    # in the order of their ids: whoever else locks several runs does so, too
    for batch in _batches(sorted(entries, key=lambda entry: entry.run_id.int)):
        answers += await _commit(lease, batch, give_up_at)
    if answers:
        hear(answers[-1].verdict.now)
    return answers


async def commit_all(
    lease: UUID,
    batch: Sequence[Entry],
    apart: Iterable[tuple[Transaction, Entry]],
    hear: Callable[[datetime], None],
) -> list[list[Answer]]:
    """Those of one batch, then those of each entry beside it that has a transaction of its own."""
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(commit_with(transaction, lease, entry)) for transaction, entry in apart]
        answers = await commit(lease, batch, hear)  # in this very task: it is on its way before anything else happens
    return [answers, *(task.result() for task in beside)]


async def commit_with(transaction: Transaction, lease: UUID, entry: Entry) -> list[Answer]:
    """The answer to an entry that shares its statement's transaction; none if it does not count, or nobody knows.

    It is never sent again: in any other transaction it would tell of a statement that may not have happened.
    """
    sent = time.monotonic()
    try:
        async with asyncio.timeout(STATEMENT_COMMIT_SECONDS):
            verdict = await store.commit_statement(transaction.connection, lease, settings().lease_seconds, entry)
            await transaction.commit()
    except Exception as exc:  # its text may hold data: what a trigger says, for one
        log("engine.statement_not_committed", run_id=entry.run_id, error=type(exc).__name__)
        return []
    else:
        return [Answer(verdict, sent + (verdict.lease_left or 0.0))]
    finally:
        await transaction.rollback()


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        more = _size(entry)
        if batch and size + more > MAX_BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += more
    if batch:
        yield batch


def _size(entry: Entry) -> int:
    steps = sum([len(step.output or step.error or "") for step in entry.steps])
    kept = sum([len(value) for _, value in entry.kept])
    state = len(entry.state or "") + len(entry.state_base or "")
    return steps + kept + state + len(entry.result or "") + sum(map(len, entry.events))


async def _commit(lease: UUID, entries: list[Entry], give_up_at: float, *, refusals: int = 2) -> list[Answer]:
    """An entry whose answer was lost is sent again and never done twice.

    One that is refused, too: a migration may have moved the schema just then.
    """
    pause = 0.1
    while True:
        sent = time.monotonic()
        try:
            verdicts = await store.commit_batch(lease, settings().lease_seconds, entries)
        except DatabaseDown:
            if time.monotonic() > give_up_at:
                log("engine.commit_given_up", runs=len(entries))
                return []
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
        except Exception as exc:
            return await _commit_apart(lease, entries, exc, give_up_at, refusals - 1)
        else:
            return [Answer(verdict, sent + (verdict.lease_left or 0.0)) for verdict in verdicts]


async def _commit_apart(
    lease: UUID, entries: list[Entry], exc: Exception, give_up_at: float, refusals: int
) -> list[Answer]:
    """The database refused the batch: let only the run that it refuses suffer (its claims will be counted)."""
    if not refusals:
        log("engine.entry_refused", run_id=entries[0].run_id, error=repr(exc))
        return []
    return [answer for entry in entries for answer in await _commit(lease, [entry], give_up_at, refusals=refusals)]
