"""The sweep's two calls: claim due runs, and commit what they did in one fenced batch."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import class_row, scalar_row

from lib import db
from lib.config import settings
from lib.store.journal import StepRow, is_long, write_parts
from lib.store.mail import Mail, write_mail
from lib.store.values import encode


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

    @cached_property
    def kept(self) -> dict[int, Any]:
        """The values that the state needs and that are stored beside it, by their numbers."""
        return {int(number): value for number, value in (self.state or {}).get("stored", {}).items()}


class Entry(NamedTuple):
    """What one run did since its last commit.

    `base` is the seq it stood at, `events` are written by `write_event`, `released` lets the lease go with `due_at` as
    its next time, `state`/`result`/`error` are JSON text, and so are the values of `kept`, which the state names by
    their numbers; `forgotten` are numbers of values that it needs no more. A state that is `based` needs another part,
    `state_base` if that has changed, else the one that is stored. Whoever has `steps` says when the run `began`, that
    is, was created. An entry of a run that listens, emits, or has a parent or children carries `mail`, even if there
    is nothing in it.
    """

    run_id: UUID
    base: int
    events: Sequence[str]
    status: str
    state: str | None = None
    state_base: str | None = None
    based: bool = False
    kept: Sequence[tuple[int, str]] = ()
    forgotten: Sequence[int] = ()
    steps: Sequence[StepRow] = ()
    began: datetime = datetime.min.replace(tzinfo=UTC)
    grants_used: int = 0
    mail: Mail | None = None
    released: bool = False
    due_at: datetime | None = None
    result: str | None = None
    error: str | None = None


class Verdict(NamedTuple):
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


_MAIL: LiteralString = (
    "%s::json, %s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s, %s::text[]"
)
_CALL: LiteralString = "select * from ratchet."
_COMMIT: LiteralString = _CALL + "commit_batch(%s, %s, %s)"
_COMMIT_WITH_MAIL: LiteralString = _CALL + "commit_with_mail(%s, %s, %s, " + _MAIL + ")"
_COMMIT_STATEMENT: LiteralString = _CALL + "commit_statement(%s, %s, %s, " + _MAIL + ")"
# Answers, never fails: an error would end the transaction that it is asked in.
_MAY_COMMIT: LiteralString = """
select count(*) = 2 from pg_proc p
where p.pronamespace = to_regnamespace('ratchet') and p.proname in ('commit_statement', 'is_key_held')
  and has_schema_privilege(p.pronamespace, 'usage') and has_function_privilege(p.oid, 'execute')
"""


async def claim_runs(
    lease: UUID,
    *,
    limit: int,
    lease_seconds: int,
    only: Sequence[UUID] | None = None,
    suspects: int | None = None,
) -> list[Claimed]:
    """Up to `limit` due runs, now under this lease; two callers never get the same run.

    `suspects` says how many of them may be runs whose last holder was lost (None: any number).
    """
    return await db.fetch(
        "select * from ratchet.claim_runs(%s, %s, %s, %s, %s)",
        (lease, limit, lease_seconds, list(only) if only is not None else None, suspects),
        Claimed,
    )


async def commit_batch(lease: UUID, lease_seconds: int, entries: Sequence[Entry]) -> list[Verdict]:
    """Commit every entry whose run is still held at its base; the others change nothing."""
    held = (lease, lease_seconds, _write_entries(entries))
    mails = [(entry.run_id, entry.mail) for entry in entries if entry.mail]
    if not mails:
        return await db.fetch(_COMMIT, held, Verdict)
    return await db.fetch(_COMMIT_WITH_MAIL, (*held, *_write_mails(mails)), Verdict)


async def commit_statement(connection: db.Connection, lease: UUID, lease_seconds: int, entry: Entry) -> Verdict:
    """Add the entry to the transaction that is open on this connection to our database, of whatever login.

    Raises, so that nothing can be committed there any more, if its run is not held at its base.
    """
    held = (lease, lease_seconds, _write_entries([entry]))
    mail = _write_mails([(entry.run_id, entry.mail or Mail())])
    cursor = AsyncCursor(connection, row_factory=class_row(Verdict))
    [verdict] = await (await cursor.execute(_COMMIT_STATEMENT, (*held, *mail))).fetchall()
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


def _write_entries(entries: Sequence[Entry]) -> str:
    """The entries as one JSON text, written at once: a parameter per column costs more than all of the rest.

    Values of the workflow stay texts in it: Postgres takes no JSON apart that has a \\u0000 in it.
    """
    return encode([_write_entry(entry) for entry in entries])


def _write_entry(entry: Entry) -> dict[str, Any]:
    # A commit without events has no seq of its own: who sends it twice would tell of its steps twice.
    apart = [step for step in entry.steps if is_long(step) or not entry.events]
    told = [step for step in entry.steps if entry.events and not is_long(step)] if apart else entry.steps
    written: dict[str, Any] = {
        "run": entry.run_id.hex,
        "base": entry.base,
        "count": len(entry.events),
        "events": write_parts(entry.events, told, entry.began),
        "status": entry.status,
        "released": entry.released,
        "grants_used": entry.grants_used,
    }
    if apart:
        written["steps"] = [_write_step(step) for step in apart]
    if entry.state is not None:
        written |= {"state": entry.state, "based": entry.based}
    if entry.state_base is not None:
        written["state_base"] = entry.state_base
    if entry.kept:
        written["kept"] = [{"number": number, "value": value} for number, value in entry.kept]
    if entry.forgotten:
        written["forgotten"] = entry.forgotten
    if entry.released:
        written |= {"due": _write_time(entry.due_at), "result": entry.result, "error": entry.error}
    return written


def _write_step(step: StepRow) -> dict[str, Any]:
    times = {"started_at": _write_time(step.started_at), "finished_at": _write_time(step.finished_at)}
    return step._asdict() | times


def _write_time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
