"""One cause for each state a run can be stuck in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest

from lib.http.diagnosis import Cause, judge, show_diagnosis
from lib.store import Awaited, Diagnosis, Event

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SOON, JUST = NOW + timedelta(minutes=1), NOW - timedelta(seconds=10)
LONG_AGO = NOW - timedelta(hours=1)
FACTS = Diagnosis(
    status="running",
    mode="auto",
    due_at=JUST,
    leased=False,
    claims=0,
    suspend_requested=False,
    finished_at=None,
    last_sweep_at=JUST,
    now=NOW,
)
FAULTED = Event(4, "io.serverlessworkflow.task.faulted.v1", {"task": "/do/0/x"}, JUST)
STARTED = Event(4, "io.serverlessworkflow.task.started.v1", {"task": "/do/0/x"}, JUST)

CASES: list[tuple[dict[str, Any], Event | None, str, str | None]] = [
    ({"status": "completed", "due_at": None, "finished_at": JUST}, None, "finished", None),
    ({"status": "cancelled", "due_at": None, "finished_at": JUST}, None, "finished", None),
    ({"status": "failed", "due_at": None, "finished_at": JUST}, None, "failed", "POST /runs/{id}/retry"),
    ({"status": "suspended", "due_at": None}, STARTED, "suspended", "POST /runs/{id}/resume"),
    ({"status": "suspended", "due_at": None, "mode": "manual"}, STARTED, "suspended", "POST /runs/{id}/resume"),
    ({"leased": True, "due_at": SOON, "claims": 1}, STARTED, "lease_held_until", None),
    ({"leased": True, "due_at": SOON, "suspend_requested": True}, STARTED, "suspending", None),
    ({"leased": True, "due_at": SOON, "claims": 3}, STARTED, "claims_without_progress", None),
    ({"leased": True, "due_at": JUST, "claims": 1}, STARTED, "lease_expired", "POST /sweep"),
    ({"status": "waiting", "due_at": SOON}, STARTED, "sleeping_until", None),
    ({"status": "waiting", "due_at": SOON}, FAULTED, "backoff", None),
    ({"status": "waiting", "due_at": None}, STARTED, "waiting_event", None),
    ({"status": "pending"}, None, "due", "POST /sweep"),
    ({"status": "pending", "due_at": LONG_AGO, "last_sweep_at": None}, None, "sweep_late", "POST /sweep"),
    ({"status": "waiting", "due_at": LONG_AGO, "last_sweep_at": LONG_AGO}, None, "sweep_late", "POST /sweep"),
    ({"status": "pending", "due_at": LONG_AGO}, None, "due", "POST /sweep"),
]


@pytest.mark.parametrize(("facts", "last", "cause", "call"), CASES)
def test_names_the_cause_and_the_call_that_helps(
    facts: dict[str, Any], last: Event | None, cause: str, call: str | None
) -> None:
    found = judge(replace(FACTS, **facts), last)
    assert (found.cause, found.call) == (cause, call)
    assert found.fix.endswith(".")


def test_every_cause_has_a_case() -> None:
    assert {cause for _, _, cause, _ in CASES} == set(get_args(Cause.__value__))


def test_says_until_for_what_is_to_come_and_since_for_what_was() -> None:
    held = show_diagnosis(UUID(int=1), replace(FACTS, leased=True, due_at=SOON), STARTED)
    assert held["until"] == "2026-11-23T12:01:00.000Z"
    assert "since" not in held
    late = show_diagnosis(UUID(int=1), replace(FACTS, due_at=LONG_AGO, last_sweep_at=None), STARTED)
    assert late["since"] == "2026-11-23T11:00:00.000Z"
    assert late["evidence"]["last_event"]["data"] == {"task": "/do/0/x"}


def test_a_parent_of_several_is_told_of_the_first_and_that_there_are_others() -> None:
    awaited = [Awaited(UUID(int=2), "waiting"), Awaited(UUID(int=3), "pending")]
    shown = show_diagnosis(UUID(int=1), replace(FACTS, status="waiting", due_at=None), STARTED, awaited)
    assert shown["fix"].endswith("000000000002, which it has started, is waiting, and others have not ended.")
    assert [child["status"] for child in shown["evidence"]["awaited"]] == ["waiting", "pending"]


def test_a_parent_that_is_due_is_no_longer_waiting_for_its_children() -> None:
    found = judge(replace(FACTS, status="waiting"), STARTED, [Awaited(UUID(int=2), "waiting")])
    assert found.cause == "due"


def test_the_call_is_ready_to_be_made() -> None:
    shown = show_diagnosis(UUID(int=1), replace(FACTS, status="suspended", due_at=None), STARTED)
    assert shown["call"] == "POST /runs/00000000-0000-0000-0000-000000000001/resume"
