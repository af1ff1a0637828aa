"""What happened to a run: events, numbered without a gap, and steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from lib import db
from lib.store.journal import Event, Step, read_commits
from lib.store.runs import Run


@dataclass(frozen=True)
class Change:
    """A watched run as it is now, and its events after the cursor, oldest first."""

    run: Run
    events: list[Event]


@dataclass(frozen=True)
class _Changed(Run):
    commits: Any


class _Row(NamedTuple):
    first_seq: int
    events: Any
    created_at: datetime


# Unpacked here: Postgres cannot take a member out of JSON that holds a \u0000 anywhere.
_JOURNAL: LiteralString = (
    "select first_seq, events, created_at from ratchet.journal where run_id = %s and seq >= %s order by seq limit %s"
)
_STEPS_APART: LiteralString = (
    "select reference, visit, attempt, seq, function, status, output, error, started_at, finished_at"
    " from ratchet.steps_apart"
    ' where run_id = %s and (seq, reference collate "C", visit, attempt) > (%s, %s, %s, %s)'
    ' order by seq, reference collate "C", visit, attempt limit %s'  # as Python orders them
)


async def list_events(run_id: UUID, *, after: int, limit: int) -> list[Event]:
    """Up to `limit` events with a seq above `after`, oldest first; nothing for an unknown run."""
    rows = await db.fetch(_JOURNAL, (run_id, after + 1, limit), _Row)
    events = (event for row in rows for commit in read_commits(*row) for event in commit.events)
    return list(islice((event for event in events if event.seq > after), limit))


async def list_steps(run_id: UUID, *, after: tuple[int, str, int, int] | None, limit: int) -> list[Step]:
    """Steps in the order of their commits; `after` is (seq, reference, visit, attempt) of the last one seen."""
    last = after or (0, "", 0, 0)
    async with db.snapshot() as conn:
        steps = await db.fetch_on(conn, _STEPS_APART, (run_id, *last, limit), Step)
        # of what the journal tells after this, nothing is wanted
        enough = steps[-1].seq if len(steps) == limit else None
        seq, wanted = last[0], limit
        while wanted > 0 and (enough is None or seq <= enough):
            rows = await db.fetch_on(conn, _JOURNAL, (run_id, seq, limit), _Row)
            commits = [commit for row in rows for commit in read_commits(*row)]
            found = [step for commit in commits for step in commit.steps if _place(step) > last]
            steps += found
            wanted -= len(found)
            if len(rows) < limit:
                break
            seq = max(event.seq for commit in commits for event in commit.events) + 1
    return sorted(steps, key=_place)[:limit]


async def read_changes(cursors: Mapping[UUID, int], *, limit_per_run: int) -> list[Change]:
    """The watched runs that moved past their cursor, in one query; at most `limit_per_run` rows of each's journal."""
    rows = await db.fetch(
        "select (c.run).*, c.commits from ratchet.read_changes(%s, %s, %s) c",
        (list(cursors), list(cursors.values()), limit_per_run),
        _Changed,
    )
    return [Change(row, list(_events_after(row, cursors[row.id]))) for row in rows]


def _events_after(row: _Changed, after: int) -> Iterator[Event]:
    for kept in row.commits or ():
        for commit in read_commits(kept["first"], kept["events"], datetime.fromisoformat(kept["at"])):
            yield from (event for event in commit.events if event.seq > after)


def _place(step: Step) -> tuple[int, str, int, int]:
    return step.seq, step.reference, step.visit, step.attempt
