"""The sweep's two calls: claim due runs, and commit what they did in one fenced batch."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import class_row, scalar_row

from lib import db
from lib.config import settings
from lib.store.mail import Mail, write_mail


@dataclass(frozen=True)
class Claimed:
    """A run that is now ours; `state` is None for a run that never began, `now` is the database's clock.

    `awaited`: its parent waits for its end; `children` are the effects that have started one.
    """

    run_id: UUID
    workflow_id: UUID
    document: bytes
    mode: str
    seq: int
    claims: int
    grants: int
    suspend_requested: bool
    created_at: datetime
    input: Any
    state: Any
    now: datetime
    awaited: bool
    children: list[int]
    inbox: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class StepRow:
    """A finished effect attempt; `output` and `error` are JSON text, one of them None."""

    reference: str
    visit: int
    attempt: int
    function: str
    output: str | None
    error: str | None
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """What one run did since its last commit.

    `base` is the seq it stood at, `events` JSON objects as text, `released` lets the lease go with `due_at` as its
    next time, `state`/`result`/`error` are JSON text. An entry of a run that listens, emits, or has a parent or
    children carries `mail`, even if there is nothing in it.
    """

    run_id: UUID
    base: int
    events: Sequence[str]
    status: str
    released: bool = False
    due_at: datetime | None = None
    state: str | None = None
    result: str | None = None
    error: str | None = None
    grants_used: int = 0
    steps: Sequence[StepRow] = field(default=())
    mail: Mail | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an entry: `held` is False when the run is no longer ours (or was let go by this very entry).

    `lease_left` is how many seconds are left of a lease that goes on. Of an entry with mail also:
    whether its run has mail that it has not read, and whom its batch has woken.
    """

    run_id: UUID
    held: bool
    seq: int
    suspend_requested: bool
    lease_left: float | None
    now: datetime
    mail: bool = False
    woken: Sequence[UUID] = ()


_ENTRIES: LiteralString = (
    "%s, %s, %s::uuid[], %s::bigint[], %s::int[], %s::text[], %s::text[],"
    " %s::boolean[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::int[],"
    " %s::uuid[], %s::text[], %s::int[], %s::int[], %s::text[], %s::text[], %s::text[],"
    " %s::timestamptz[], %s::timestamptz[]"
)
_MAIL: LiteralString = (
    "%s::json, %s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s, %s::text[]"
)
_CALL: LiteralString = "select * from ratchet."
_COMMIT: LiteralString = _CALL + "commit_batch(" + _ENTRIES + ")"
_COMMIT_WITH_MAIL: LiteralString = _CALL + "commit_with_mail(" + _ENTRIES + ", " + _MAIL + ")"
_COMMIT_STATEMENT: LiteralString = _CALL + "commit_statement(" + _ENTRIES + ", " + _MAIL + ")"
# Answers, never fails: an error would end the transaction that it is asked in.
_MAY_COMMIT: LiteralString = """
select count(*) = 2 from pg_proc p
where p.pronamespace = to_regnamespace('ratchet') and p.proname in ('commit_statement', 'is_key_held')
  and has_schema_privilege(p.pronamespace, 'usage') and has_function_privilege(p.oid, 'execute')
"""


async def claim_runs(
    lease: UUID, *, limit: int, lease_seconds: int, only: Sequence[UUID] | None = None
) -> list[Claimed]:
    """Up to `limit` due runs, now under this lease; two callers never get the same run."""
    return await db.fetch(
        "select * from ratchet.claim_runs(%s, %s, %s, %s)",
        (lease, limit, lease_seconds, list(only) if only is not None else None),
        Claimed,
    )


async def commit_batch(lease: UUID, lease_seconds: int, entries: Sequence[Entry]) -> list[Verdict]:
    """Commit every entry whose run is still held at its base; the others change nothing."""
    columns = _write_entries(lease, lease_seconds, entries)
    mails = [(entry.run_id, entry.mail) for entry in entries if entry.mail]
    if not mails:
        return await db.fetch(_COMMIT, columns, Verdict)
    return await db.fetch(_COMMIT_WITH_MAIL, (*columns, *_write_mails(mails)), Verdict)


async def commit_statement(connection: db.Connection, lease: UUID, lease_seconds: int, entry: Entry) -> Verdict:
    """Add the entry to the transaction that is open on this connection to our database, of whatever login.

    Raises, so that nothing can be committed there any more, if its run is not held at its base.
    """
    columns = _write_entries(lease, lease_seconds, [entry])
    mail = _write_mails([(entry.run_id, entry.mail or Mail())])
    cursor = AsyncCursor(connection, row_factory=class_row(Verdict))
    [verdict] = await (await cursor.execute(_COMMIT_STATEMENT, (*columns, *mail))).fetchall()
    return verdict


async def shares_database(connection: db.Connection) -> bool:
    """Whether a transaction that is open here, of whatever login, can commit our steps: it is in our own database.

    Names and addresses say little about that (poolers, aliases, copies); that a lock taken there is met here says all.
    """
    cursor = AsyncCursor(connection, row_factory=scalar_row)
    if not await (await cursor.execute(_MAY_COMMIT)).fetchone():
        return False
    key = secrets.randbits(63)
    async with db.connection() as own, own.transaction():
        await own.execute("select pg_advisory_xact_lock(%s)", (key,))
        return bool(await (await cursor.execute("select ratchet.is_key_held(%s)", (key,))).fetchone())


def _write_mails(mails: Sequence[tuple[UUID, Mail]]) -> tuple[Any, ...]:
    return (*write_mail(mails), settings().event_days, list(settings().event_sinks))


def _write_entries(lease: UUID, lease_seconds: int, entries: Sequence[Entry]) -> tuple[Any, ...]:
    """The entries as one array per column."""
    steps = [(entry.run_id, step) for entry in entries for step in entry.steps]
    return (
        lease,
        lease_seconds,
        [entry.run_id for entry in entries],
        [entry.base for entry in entries],
        [len(entry.events) for entry in entries],
        [",".join(entry.events) for entry in entries],
        [entry.status for entry in entries],
        [entry.released for entry in entries],
        [entry.due_at for entry in entries],
        [entry.state for entry in entries],
        [entry.result for entry in entries],
        [entry.error for entry in entries],
        [entry.grants_used for entry in entries],
        [run_id for run_id, _ in steps],
        [step.reference for _, step in steps],
        [step.visit for _, step in steps],
        [step.attempt for _, step in steps],
        [step.function for _, step in steps],
        [step.output for _, step in steps],
        [step.error for _, step in steps],
        [step.started_at for _, step in steps],
        [step.finished_at for _, step in steps],
    )
