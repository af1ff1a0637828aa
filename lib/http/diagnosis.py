"""Why a run does not move: one typed cause from what the database knows, and the call that would fix it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from lib import store
from lib.store import Awaited, Diagnosis, Event
from lib.store.values import rfc3339

type Cause = Literal[
    "finished",
    "failed",
    "suspended",
    "suspending",
    "claims_without_progress",
    "lease_held_until",
    "lease_expired",
    "sleeping_until",
    "backoff",
    "waiting_event",
    "sweep_late",
    "due",
]

# The cron comes by every minute; one tick may be missed, two are a reason to look.
SWEEP_IS_LATE_AFTER = timedelta(minutes=2)
SWEEP = "POST /sweep"
_AWAITED_SHOWN = 20
# A task that fails and is caught by nothing but a retry is the last thing to happen before the pause.
_FAULTED = "io.serverlessworkflow.task.faulted.v1"


class Judgement(NamedTuple):
    """A cause, the moment it holds since or until, a sentence, and the call that fixes it if there is one."""

    cause: Cause
    moment: datetime | None
    fix: str
    call: str | None = None


async def read_diagnosis(run_id: UUID) -> dict[str, Any]:
    """The answer of `GET /runs/{id}/diagnosis`; raises NotFound."""
    run = await store.get_run(run_id)
    events = await store.list_events(run_id, after=run.seq - 1, limit=1)
    awaited = await store.list_awaited(run_id, limit=_AWAITED_SHOWN)
    return show_diagnosis(run_id, await store.read_diagnosis(run_id), events[0] if events else None, awaited)


def show_diagnosis(
    run_id: UUID, facts: Diagnosis, last: Event | None, awaited: Sequence[Awaited] = ()
) -> dict[str, Any]:
    """A run's facts with the judgement on them; `last` is its latest event, `awaited` its children that live."""
    cause, moment, fix, call = judge(facts, last, awaited)
    return {
        "run_id": str(run_id),
        "status": facts.status,
        "cause": cause,
        "since" if moment is None or moment <= facts.now else "until": rfc3339(moment),
        "evidence": {
            "due_at": rfc3339(facts.due_at),
            "leased": facts.leased,
            "claims": facts.claims,
            "mode": facts.mode,
            "suspend_requested": facts.suspend_requested,
            "last_event": last.to_json() if last else None,
            "awaited": [child.to_json() for child in awaited],
            "last_sweep_at": rfc3339(facts.last_sweep_at),
            "now": rfc3339(facts.now),
        },
        "fix": fix,
        "call": call.replace("{id}", str(run_id)) if call else None,
    }


def judge(facts: Diagnosis, last: Event | None, awaited: Sequence[Awaited] = ()) -> Judgement:
    """The one cause that matters now; pure, so that every cause can be tested with facts made up."""
    if facts.status == "failed":
        return Judgement("failed", facts.finished_at, "Retry it from the task that failed.", "POST /runs/{id}/retry")
    if facts.finished_at:
        return Judgement("finished", facts.finished_at, "Nothing: it has ended.")
    if facts.status == "suspended":
        since = last.created_at if last else None
        what = "Let its next effect through." if facts.mode == "manual" else "Resume it."
        return Judgement("suspended", since, what, "POST /runs/{id}/resume")
    if facts.leased:
        return _judge_held(facts)
    if awaited and (facts.due_at is None or facts.due_at > facts.now):
        return _judge_parent(facts, last, awaited)
    return _judge_free(facts, last)


def _judge_parent(facts: Diagnosis, last: Event | None, awaited: Sequence[Awaited]) -> Judgement:
    """It waits for the end of runs that it has started, and for nothing else or for no longer than a time."""
    child, others = awaited[0], ", and others have not ended" if len(awaited) > 1 else ""
    state = f"the run {child.id}, which it has started, is {child.status}{others}"
    call = f"GET /runs/{child.id}/diagnosis"
    if facts.due_at is None:
        return Judgement("waiting_event", last.created_at if last else None, f"Wait for its child: {state}.", call)
    return Judgement("sleeping_until", facts.due_at, f"Wait for its child, or for that time: {state}.", call)


def _judge_held(facts: Diagnosis) -> Judgement:
    """Some sweep has claimed it, and may be dead."""
    if facts.due_at and facts.due_at <= facts.now:
        return Judgement("lease_expired", facts.due_at, "Its sweep is gone: another takes over.", SWEEP)
    if facts.claims > 1:
        return Judgement(
            "claims_without_progress",
            facts.due_at,
            "Sweeps that take it end without a commit: look for a function that is killed in the log.",
        )
    if facts.suspend_requested:
        return Judgement("suspending", facts.due_at, "Wait: its effects in flight are finished first.")
    return Judgement("lease_held_until", facts.due_at, "Wait: a sweep is working on it.")


def _judge_free(facts: Diagnosis, last: Event | None) -> Judgement:
    """Nobody has it: it waits for its time, for an event, or for the next sweep."""
    if facts.due_at is None:
        return Judgement("waiting_event", last.created_at if last else None, "Send the event it listens for.")
    if facts.due_at > facts.now:
        if last and last.type == _FAULTED:
            return Judgement("backoff", facts.due_at, "Wait: a task that failed is tried again then.")
        return Judgement("sleeping_until", facts.due_at, "Wait: a sweep wakes it then.")
    overdue_since = max(facts.due_at, facts.last_sweep_at) if facts.last_sweep_at else facts.due_at
    if facts.now - overdue_since > SWEEP_IS_LATE_AFTER:
        return Judgement("sweep_late", facts.due_at, "No sweep came by: check the cron, or call it.", SWEEP)
    return Judgement("due", facts.due_at, "Wait: the next sweep takes it.", SWEEP)
