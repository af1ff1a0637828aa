"""What a run did, written down and read again: nothing is lost, whatever form it takes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.store.journal import LONG, Commit, Event, Step, StepRow, is_long, read_commits, write_event, write_parts
from lib.store.values import encode

# The same examples on every machine.
PATIENT = settings(
    max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
BEGAN = datetime(2026, 11, 23, 12, 0, 0, 123_456, tzinfo=UTC)
NAMES = ("namespace", "name", "version")


class Told(NamedTuple):
    """One commit, as it is handed over; `after` are microseconds."""

    after: int
    events: list[tuple[str, dict[str, Any]]]
    steps: list[StepRow]


def full(type: str) -> str:
    return f"io.serverlessworkflow.{type}.v1"


def completed(task: str, visit: int = 1, attempt: int = 1) -> tuple[str, dict[str, Any]]:
    return full("task.completed"), {"task": task, "visit": visit, "attempt": attempt}


def made(
    reference: str, visit: int = 1, attempt: int = 1, *, output: str | None = None, error: str | None = None
) -> StepRow:
    return StepRow(reference, visit, attempt, "http", output, error, BEGAN, BEGAN + timedelta(microseconds=5))


def parts_of(told: Told) -> list[Any]:
    parts: list[Any] = json.loads(f"[{write_parts([write_event(*event) for event in told.events], told.steps, BEGAN)}]")
    return parts


def reread(first: int, history: list[Told]) -> list[Commit]:
    """These commits, from a row of the journal, where the newest stands first."""
    lines = []
    for told in history:
        lines.append([first, told.after, *parts_of(told)])
        first += len(told.events)
    return list(read_commits(lines[-1][0], lines[::-1], BEGAN))


def expected(first: int, history: list[Told]) -> list[Commit]:
    commits = []
    for after, events, steps in history:
        at = BEGAN + timedelta(microseconds=after)
        told = [Event(seq, *event, at) for seq, event in enumerate(events, first)]
        first += len(events)
        commits.append(Commit(told, [finished(step, first - 1) for step in steps]))
    return commits


def finished(step: StepRow, seq: int) -> Step:
    output, error = (None if text is None else json.loads(text) for text in (step.output, step.error))
    status = "completed" if step.error is None else "failed"
    return Step(*step[:3], seq, step.function, status, output, error, step.started_at, step.finished_at)


def exactly(commits: list[Commit]) -> list[Any]:
    """As text, which tells 1 from true and one order of members from another; steps of one commit have no order."""
    return [
        (
            [(event.seq, event.type, encode(event.data), event.created_at.isoformat()) for event in commit.events],
            sorted(
                encode([step.to_json(), step.started_at.isoformat(), step.finished_at.isoformat()])
                for step in commit.steps
            ),
        )
        for commit in commits
    ]


TEXTS = st.text(max_size=5) | st.sampled_from(["\0", "s", "c", "d", '"', "\\u0000", "ü", "\U0001f600"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
NUMBERS = st.integers(1, 2)
TASKS = st.sampled_from(["/do/0/a", "/do/1/b"]) | TEXTS
PLACES = st.tuples(TASKS, NUMBERS, NUMBERS)
ENDS = PLACES.map(lambda place: completed(*place)[1])
STARTS = st.builds(lambda end, function: {**end, "function": function}, ENDS, TEXTS)
WORKFLOWS = st.tuples(JSON, JSON, JSON).map(lambda values: dict(zip(NAMES, values, strict=True)))


@st.composite
def near(draw: st.DrawFn, exact: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """The members of a short form, or almost: one too few, one too many, another order."""
    members = draw(exact)
    more = draw(st.dictionaries(st.sampled_from(["workflow", "attempt", "status"]) | TEXTS, JSON, max_size=1)) | members
    gone = draw(st.sampled_from([*members]))
    less = {name: value for name, value in members.items() if name != gone}
    moved = dict(draw(st.permutations([*members.items()])))
    return draw(st.sampled_from([members, more, less, moved]))


WITH_WORKFLOW = near(near(WORKFLOWS).map(lambda workflow: {"workflow": workflow})).filter(
    lambda data: isinstance(data.get("workflow", {}), dict)
)
EVENTS = st.tuples(
    st.sampled_from(["task.started", "task.completed", "task.retried", "workflow.started", "x"]).map(full),
    st.dictionaries(TEXTS, JSON, max_size=3) | near(ENDS) | near(STARTS) | WITH_WORKFLOW,
)
VALUES = JSON.map(encode)
MOMENTS = st.integers(-(10**13), 10**13).map(lambda number: BEGAN + timedelta(microseconds=number))
OUTCOMES = VALUES.map(lambda output: (output, None)) | VALUES.filter("null".__ne__).map(lambda error: (None, error))
STEPS = st.builds(
    lambda place, function, outcome, *times: StepRow(*place, function, *outcome, *times),
    *(PLACES, TEXTS, OUTCOMES, MOMENTS, MOMENTS),
)
COMMITS = st.builds(Told, st.integers(0, 10**14), st.lists(EVENTS, max_size=4), st.lists(STEPS, max_size=3)).filter(
    lambda told: bool(told.events or told.steps)
)


@PATIENT
@given(st.integers(1, 10**6), st.lists(COMMITS, min_size=1, max_size=4))
def test_what_is_written_is_read_again(first: int, history: list[Told]):
    assert exactly(reread(first, history)) == exactly(expected(first, history))


@PATIENT
@given(STEPS, st.lists(EVENTS, max_size=2))
def test_a_step_and_the_end_of_its_task_are_one_part_and_both_are_told(
    step: StepRow, others: list[tuple[str, dict[str, Any]]]
):
    told = Told(7, [*others, completed(*step[:3])], [step])
    assert len(parts_of(told)) == len(told.events)
    assert exactly(reread(3, [told])) == exactly(expected(3, [told]))


def test_the_usual_step_is_told_in_few_words():
    told = Told(7, [completed("/do/0/a"), (full("task.started"), completed("/do/1/b")[1] | {"function": "http"})], [])
    told.steps.append(made("/do/0/a", output='{"id":1}'))
    assert parts_of(told) == [["c", "/do/0/a", "http", 0, 5, {"id": 1}], ["s", "/do/1/b", "http"]]


def test_a_place_that_is_not_the_first_is_told_whole():
    again = Told(7, [completed("/do/0/a", 2), completed("/do/0/a", 1, 2)], [])
    assert parts_of(again) == [["c", ["/do/0/a", 2, 1]], ["c", ["/do/0/a", 1, 2]]]


@pytest.mark.parametrize("event", [completed("/do/1/b"), completed("/do/0/a", 2), (full("task.faulted"), {})])
def test_a_step_that_no_event_tells_of_is_told(event: tuple[str, dict[str, Any]]):
    [commit] = reread(4, [Told(7, [event], [made("/do/0/a", error='{"status":500}')])])
    assert [(told.seq, told.type, told.data) for told in commit.events] == [(4, *event)]
    assert [(step.reference, step.seq, step.status, step.error) for step in commit.steps] == [
        ("/do/0/a", 4, "failed", {"status": 500})
    ]


def test_two_steps_of_one_place_are_told_with_one_event_and_with_two():
    steps = [made("/do/0/a", output="1"), made("/do/0/a", output="2")]
    for events in ([completed("/do/0/a")], [completed("/do/0/a")] * 2):
        [commit] = reread(1, [Told(7, events, steps)])
        assert len(commit.events) == len(events)
        assert sorted(step.output for step in commit.steps) == [1, 2]
        assert {step.seq for step in commit.steps} == {len(events)}


@pytest.mark.parametrize("outcome", ["output", "error"])
def test_a_step_whose_output_or_error_is_long_is_to_stand_apart(outcome: str):
    steps = [made("/do/0/a", **{outcome: encode("x" * (length - 2))}) for length in (LONG, LONG + 1)]
    assert [is_long(step) for step in steps] == [False, True]


def test_a_step_that_failed_with_null_has_failed():
    [commit] = reread(1, [Told(7, [completed("/do/0/a")], [made("/do/0/a", error="null")])])
    assert [step.status for step in commit.steps] == ["failed"]


@pytest.mark.parametrize("workflow", [None, 5, True, "abc", [], [*NAMES], {}])
def test_data_that_only_looks_like_a_workflow_is_told_as_it_is(workflow: Any):
    event = (full("workflow.started"), {"workflow": workflow})
    [commit] = reread(1, [Told(7, [event], [])])
    assert [told.data for told in commit.events] == [{"workflow": workflow}]


def test_a_row_of_the_release_before_is_one_commit_at_its_own_time():
    row = [{"type": full("task.started"), "data": {"task": "/do/0/a"}}, {"type": full("workflow.completed")}]
    assert list(read_commits(4, row, BEGAN)) == [
        Commit([Event(4, row[0]["type"], {"task": "/do/0/a"}, BEGAN), Event(5, row[1]["type"], {}, BEGAN)], [])
    ]


def test_events_of_the_release_before_are_told_among_ours():
    old = {"type": full("task.started"), "data": {"task": "/do/0/a"}}
    at = BEGAN + timedelta(microseconds=9)
    [commit] = read_commits(2, [[2, 9, old, ["c", "/do/0/a"]]], BEGAN)
    assert commit.events == [Event(2, old["type"], old["data"], at), Event(3, *completed("/do/0/a"), at)]


def test_an_empty_row_tells_nothing():
    assert list(read_commits(1, [], BEGAN)) == []


def test_a_part_of_a_release_to_come_is_refused():
    with pytest.raises(ValueError, match="no part of a commit"):
        list(read_commits(1, [[1, 0, 5]], BEGAN))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_data_that_is_not_json_is_refused(value: float):
    for data in ({"x": value}, {"workflow": dict.fromkeys(NAMES, value)}):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_event(full("workflow.started"), data)
