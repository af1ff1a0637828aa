"""What happened to a run: events, numbered without a gap, and steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from lib import db
from lib.store.runs import Run
from lib.store.values import rfc3339


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a run's history."""

    seq: int
    type: str
    data: dict[str, Any]
    created_at: datetime

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {"seq": self.seq, "type": self.type, "data": self.data, "created_at": rfc3339(self.created_at)}


@dataclass(frozen=True)
class Step:
    """One finished attempt of an effect."""

    reference: str
    visit: int
    attempt: int
    seq: int
    function: str
    status: str
    output: Any
    error: Any
    started_at: datetime
    finished_at: datetime

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {
            "reference": self.reference,
            "visit": self.visit,
            "attempt": self.attempt,
            "seq": self.seq,
            "function": self.function,
            "status": self.status,
            "output": self.output,
            "error": self.error,
            "started_at": rfc3339(self.started_at),
            "finished_at": rfc3339(self.finished_at),
        }


@dataclass(frozen=True)
class Change:
    """A watched run as it is now, and its events after the cursor, oldest first."""

    run: Run
    events: list[Event]


@dataclass(frozen=True)
class _Changed(Run):
    commits: Any


@dataclass(frozen=True)
class _Commit:
    first_seq: int
    events: Any
    created_at: datetime


async def list_events(run_id: UUID, *, after: int, limit: int) -> list[Event]:
    """Up to `limit` events with a seq above `after`, oldest first; nothing for an unknown run."""
    # Unpacked here: Postgres cannot take a member out of JSON that holds a \u0000 anywhere.
    commits = await db.fetch(
        "select first_seq, events, created_at from ratchet.history"
        " where run_id = %s and seq > %s order by seq limit %s",
        (run_id, after, limit),
        _Commit,
    )
    events = (event for commit in commits for event in _unpack(commit.first_seq, commit.events, commit.created_at))
    return list(islice((event for event in events if event.seq > after), limit))


async def list_steps(run_id: UUID, *, after: tuple[int, str, int, int] | None, limit: int) -> list[Step]:
    """Steps in the order of their commits; `after` is (seq, reference, visit, attempt) of the last one seen."""
    seq, reference, visit, attempt = after or (0, "", 0, 0)
    return await db.fetch(
        "select reference, visit, attempt, seq, function, status, output, error, started_at, finished_at"
        " from ratchet.steps where run_id = %s and (seq, reference, visit, attempt) > (%s, %s, %s, %s)"
        " order by seq, reference, visit, attempt limit %s",
        (run_id, seq, reference, visit, attempt, limit),
        Step,
    )


async def read_changes(cursors: Mapping[UUID, int], *, limit_per_run: int) -> list[Change]:
    """The watched runs that moved past their cursor, in one query; at most `limit_per_run` commits of each."""
    rows = await db.fetch(
        "select (c.run).*, c.commits from ratchet.read_changes(%s, %s, %s) c",
        (list(cursors), list(cursors.values()), limit_per_run),
        _Changed,
    )
    return [Change(row, list(_events_after(row, cursors[row.id]))) for row in rows]


def _events_after(row: _Changed, after: int) -> Iterator[Event]:
    for commit in row.commits or ():
        for event in _unpack(commit["first"], commit["events"], datetime.fromisoformat(commit["at"])):
            if event.seq > after:
                yield event


def _unpack(first_seq: int, events: list[dict[str, Any]], created_at: datetime) -> Iterator[Event]:
    for seq, event in enumerate(events, first_seq):
        yield Event(seq, event["type"], event.get("data", {}), created_at)
