"""What is known of all runs of a document before the first one: its tasks, and how often a run may enter them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dsl.generate import USE, play_by_lot, task_lists
from tests.dsl.play import Play, call, document
from tests.dsl.test_state import PATIENT

STEP = {"set": {"a": 1}}
WAIT = {"wait": {"seconds": 1}}


def names(references):
    return {reference.rsplit("/", 1)[-1] for reference in references}


def choose(*targets):
    return {"switch": [{f"c{place}": {"when": ".x", "then": target}} for place, target in enumerate(targets)]}


@pytest.mark.parametrize(
    ("tasks", "repeated"),
    [
        ([{"a": STEP}, {"b": {"do": [{"c": STEP}]}}], set()),
        ([{"a": {"fork": {"branches": [{"b": STEP}, {"c": {"do": [{"d": STEP}]}}]}}}], set()),
        ([{"a": {"for": {"in": "[1]"}, "do": [{"b": {"do": [{"c": STEP}]}}]}}, {"d": STEP}], {"b", "c"}),
        ([{"a": {"try": [{"b": STEP}], "catch": {"do": [{"c": STEP}]}}}], {"b", "c"}),
        ([{"a": {"listen": {"to": {"any": []}}, "foreach": {"do": [{"b": STEP}]}}}], {"b"}),
        ([{"a": STEP}, {"b": {"do": [{"c": STEP}]}}, {"d": {**STEP, "then": "a"}}], {"a", "b", "c", "d"}),
        ([{"a": {**STEP, "then": "c"}}, {"b": STEP}, {"c": {**STEP, "then": "end"}}], set()),
        ([{"a": choose("c", "b")}, {"b": STEP}, {"c": STEP}], set()),
        ([{"a": STEP}, {"b": choose("end", "b")}], {"a", "b"}),
        ([{"a": {"do": [{"b": STEP}, {"c": choose("b")}]}}, {"d": STEP}], {"b", "c"}),
    ],
)
def test_what_a_run_may_enter_again_is_inside_a_loop_or_where_then_leads_back(tasks, repeated):
    assert names(document(*tasks).repeated) == repeated


def test_a_switch_leads_back_also_when_it_is_extended():
    extend = {"extensions": [{"x": {"extend": "switch", "before": [{"b": STEP}]}}]}
    back = document({"a": STEP}, {"s": choose("a")}, use=extend)
    forth = document({"s": choose("a")}, {"a": STEP}, use=extend)
    assert {"/do/0/a", "/do/1/s"} <= back.repeated
    assert not forth.repeated


def test_a_function_is_repeated_where_it_is_called_in_a_loop_only():
    use = {"functions": {"f": {"do": [{"in": STEP}]}}}
    compiled = document(
        {"once": {"call": "f"}}, {"l": {"for": {"in": "[1]"}, "do": [{"often": {"call": "f"}}]}}, use=use
    )
    assert all(reference.startswith("/do/1/l/do/") for reference in compiled.repeated)
    assert len(compiled.repeated) == 3


@PATIENT
@given(tasks=task_lists(3, calm=False), seed=st.integers(0, 999))
def test_no_run_enters_another_task_twice(tasks, seed):
    compiled = document(*tasks, use=USE)
    run = play_by_lot(compiled, seed, failing=30)
    entered = Counter(event.data["task"] for event in run.events if event.type.endswith("task.started.v1"))
    assert {reference for reference, times in entered.items() if times > 1} <= compiled.repeated


def test_only_what_is_inside_a_try_is_tried():
    inner = {"try": [{"b": STEP}], "catch": {"do": [{"c": STEP}]}}
    compiled = document({"a": STEP}, {"t": {"try": [{"u": inner}], "catch": {}}})
    assert names(compiled.tried) == {"u", "b", "c"}


@pytest.mark.parametrize(
    ("task", "timed"),
    [
        (STEP, False),
        (call(), False),
        ({"try": [{"b": call()}], "catch": {}}, False),
        (WAIT, True),
        ({"do": [{"b": {**STEP, "timeout": {"after": {"seconds": 1}}}}]}, True),
        ({"try": [{"b": call()}], "catch": {"retry": {"delay": {"seconds": 1}}}}, True),
        ({"try": [{"b": STEP}], "catch": {"do": [{"c": WAIT}]}}, True),
    ],
)
def test_a_run_has_moments_to_wait_for_only_where_its_document_says_so(task, timed):
    assert document({"a": task}).timed is timed


def test_the_timeout_of_the_workflow_is_a_moment_to_wait_for():
    assert document({"a": STEP}, timeout={"after": {"seconds": 1}}).timed


def test_visits_are_counted_only_where_another_can_follow():
    run = Play(document({"a": STEP}, {"b": {"for": {"in": "[1, 2]"}, "do": [{"c": call()}]}}))
    assert names(run.state.visits) == {"c"}
