"""The state as data: it survives any store, shares what is shared, and stays small."""

import json
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib import dsl
from lib.dsl import State
from tests.dsl.generate import USE, events, play_by_lot, task_lists
from tests.dsl.play import NOON, Play, call, document

# The same examples on every machine; a pure machine's examples are only ever slow for their size.
PATIENT = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[
        *(HealthCheck.too_slow, HealthCheck.data_too_large),
        HealthCheck.function_scoped_fixture,  # it only opens up the whole language
    ],
)


def fork_of_calls(count):
    return document({"f": {"fork": {"branches": [{f"b{n}": call()} for n in range(count)]}}})


def test_a_value_that_many_frames_hold_is_written_once():
    big = {"text": "x" * 10_000}
    run = Play(fork_of_calls(20), big)
    assert json.dumps(run.transition.state.dump()).count("x" * 10_000) == 1


def test_what_was_shared_is_shared_after_loading():
    frames = Play(fork_of_calls(3), {"big": 1}).state.frames
    inputs = [frame["input"] for frame in frames.values() if frame.get("open")]
    assert len(inputs) == 3
    assert all(value is inputs[0] for value in inputs)


def test_equal_values_that_are_not_the_same_stay_apart_and_right():
    run = Play(
        document({"f": {"fork": {"branches": [{"a": {"set": {"v": 1}}}, {"b": {"set": {"v": 1}}}, {"c": call()}]}}})
    )
    run.answer("c", {"v": 1})
    assert run.output == [{"v": 1}] * 3


@pytest.mark.parametrize("value", [None, False, 0, 0.5, "", "text", [], {}, [[]], {"$": 1}, 10**20, "\U0001f600"])
def test_every_kind_of_value_survives(value):
    run = Play(document({"s": {"set": {"v": "${ . }"}, "export": {"as": "."}}}, {"c": call()}), value)
    run.answer("c", [value, run.state.context])
    assert run.output == [value, {"v": value}]


def test_advancing_never_changes_the_state_it_was_given():
    run = Play(fork_of_calls(3), {"x": 1})
    before = run.transition.state
    written = json.dumps(before.dump())
    dsl.advance(run.document, before, [dsl.Result(run.effect("b1").id, "new")], now=NOON)
    assert json.dumps(before.dump()) == written


def test_the_order_of_members_does_not_matter_to_the_store():
    run = Play(fork_of_calls(3), {"x": 1})
    shuffled = json.loads(json.dumps(run.state.dump(), sort_keys=True))
    assert State.load(shuffled) == run.state


def test_a_state_of_another_format_is_refused():
    with pytest.raises(ValueError, match="format 4"):
        State.load({**Play(fork_of_calls(1)).state.dump(), "base": {"format": 4}})


def written(run):
    dumped = run.state.dump()
    base = dumped.pop("base")
    return json.dumps(base), json.dumps(dumped)


def changed_bytes(before, after):
    """About how much of a step's state Postgres logs: a base that is another, and all of the rest."""
    return len(after[1]) + (len(after[0]) if after[0] != before[0] else 0)


@pytest.mark.parametrize("around", [{}, {"for": {"in": "[range(2)]"}}, {"for": {"in": "[range(900)]"}}])
def test_a_step_changes_little_however_much_there_is_beside_it(around):
    tasks = [{f"c{n}": call()} for n in range(9)]
    run = Play(document({"inside": {**around, "do": tasks}}), {"big": "x" * 5_000})
    run.answer("c0", 10)
    before = written(run)
    run.answer("c1", "of another length")
    assert changed_bytes(before, written(run)) < 300


def test_a_state_whose_values_are_counted_from_the_front_is_read():
    around = {"task": "/", "parent": None, "visit": 1, "started": 0, "raw": 1, "input": 1, "id": 0}
    step = {"task": "/do/1/b", "parent": 0, "visit": 1, "started": 0, "raw": 2, "input": 2, "id": 2, "context": 0}
    older = {
        "values": [{"of": "context"}, {"of": "input"}, {"of": "a"}],
        "next_id": 3,
        "pure": 0,
        "ready": [],
        "frames": [{**step, "attempt": 1, "open": True, "function": "http"}, around],
        "visits": {"/do/1/b": 1, "/do/0/a": 1, "/": 1},
        "outcome": None,
        "context": 0,
        "input": 1,
        "started": 0,
        "run_id": "run-1",
        "format": 1,
    }
    body = call(with_={"body": "${ [., $context, $workflow.input] }"})
    compiled = document({"a": call()}, {"b": body}, {"c": call()})
    state = State.load(older)
    [effect] = dsl.open_effects(state)
    values = [{"of": "a"}, {"of": "context"}, {"of": "input"}]
    assert dsl.resolve(compiled, state, effect)["body"] == values
    after = dsl.advance(compiled, state, [dsl.Result(effect.id, 1)], now=NOON)
    assert [effect.reference for effect in after.effects] == ["/do/2/c"]


def test_the_state_does_not_grow_with_history():
    body = [{"s": {"set": "${ $index }"}}, {"c": call()}]
    run = Play(document({"loop": {"for": {"in": "[range(200)]"}, "do": body}}))
    run.answer("c", 0)
    early = len(json.dumps(run.state.dump()))
    for _ in range(150):
        run.answer("c", 0)
    assert len(json.dumps(run.state.dump())) <= early + 20


@PATIENT
@given(tasks=task_lists(3, calm=False), seed=st.integers(0, 999))
def test_every_document_runs_to_an_outcome_through_any_store(tasks, seed):
    run = play_by_lot(document(*tasks, use=USE), seed, failing=30)
    assert State.load(run.state.dump()).dump() == run.state.dump()


@PATIENT
@given(tasks=task_lists(3, calm=False), seed=st.integers(0, 999))
def test_no_try_of_a_visit_is_numbered_twice_even_when_the_run_is_retried(tasks, seed):
    run = play_by_lot(document(*tasks, use=USE), seed, failing=30)
    dice = Random(seed)
    for _ in range(3):
        if isinstance(run.transition.outcome, dsl.Faulted):
            run.retry()
            while run.transition.outcome is None:
                run.now = max(run.now, dsl.wake_at(run.state) or run.now)
                run.arrive(*(dsl.Result(effect.id, {"a": 1}) for effect in run.open), *events(dice))
    keys = [
        (event.data["task"], event.data["visit"], event.data["attempt"])
        for event in run.events
        if event.type.endswith("task.started.v1") and "attempt" in event.data
    ]
    assert len(keys) == len(set(keys))


@PATIENT
@given(tasks=task_lists(3, calm=True), seeds=st.tuples(st.integers(0, 999), st.integers(0, 999)))
def test_the_order_in_which_answers_arrive_does_not_change_the_result(tasks, seeds):
    compiled = document(*tasks, use=USE)
    first, second = (play_by_lot(compiled, seed) for seed in seeds)
    assert first.output == second.output


@PATIENT
@given(tasks=task_lists(3, calm=False), seed=st.integers(0, 999))
def test_events_mean_the_same_together_and_one_by_one(tasks, seed):
    compiled, dice = document(*tasks, use=USE), Random(seed)
    together, single = Play(compiled, {"a": {}}), Play(compiled, {"a": {}})
    for _ in range(5):
        arrivals = events(dice)
        together.take(dsl.advance(compiled, together.state, arrivals, now=NOON))
        for arrival in arrivals:
            single.take(dsl.advance(compiled, single.state, [arrival], now=NOON))
        assert together.state == single.state
    assert together.events == single.events
