"""Retrying a faulted run: only what failed is done again."""

import pytest

from lib import dsl
from lib.dsl import Result, faults
from lib.errors import Conflict
from tests.dsl.play import Play, call, document, play


def down():
    return faults.communication("down", 503)


def test_what_succeeded_is_not_done_again():
    run = Play(document({"a": call()}, {"b": call(with_={"body": "${ . }"})}, {"c": call()}))
    run.answer("a", "from a")
    run.fail("b", down())
    assert (run.open, dsl.wake_at(run.state)) == ((), None)
    run.retry()
    assert run.resolve("b")["body"] == "from a"
    run.answer("b", 1)
    run.answer("c", 2)
    assert run.output == 2
    assert run.order() == ["a", "b", "b", "c"]


def test_the_visit_stays_and_the_attempt_grows():
    run = Play(document({"c": call()}))
    for number in (1, 2, 3):
        assert (run.effect("c").visit, run.effect("c").attempt) == (1, number)
        run.fail("c", down())
        run.retry()


def test_effects_cancelled_by_the_fault_are_opened_again_under_new_ids():
    run = Play(document({"f": {"fork": {"branches": [{"a": call()}, {"b": call()}, {"w": {"wait": {"seconds": 5}}}]}}}))
    old = run.effect("b").id
    run.fail("a", down())
    assert run.cancelled == [old]
    run.retry()
    assert sorted(e.reference[-1] for e in run.transition.effects) == ["a", "b"]
    assert run.effect("b").attempt == 2
    run.arrive(Result(old, "late"))
    run.answer("b", "b")
    run.answer("a", "a")
    run.pass_time(5)
    assert run.output == ["a", "b", None]


def test_tells_that_the_run_goes_on_and_what_is_retried():
    run = Play(document({"c": call()}))
    run.fail("c", down())
    run.events.clear()
    run.retry()
    assert run.told() == [("resumed", "workflow"), ("retried", "c"), ("started", "c")]


def test_a_pure_task_that_failed_is_entered_again():
    run = Play(document({"a": call()}, {"s": {"set": "${ .x.y }"}}))
    run.answer("a", {"x": 1})
    run.retry()
    assert run.fault.instance == "/do/1/s"
    assert run.order() == ["a", "s", "s"]


def test_a_scope_that_failed_while_leaving_does_not_run_again():
    run = Play(document({"scope": {"do": [{"c": call()}], "output": {"as": ".x.y"}}}))
    run.answer("c", {"x": 1})
    assert run.fault.instance == "/do/0/scope"
    run.retry()
    assert (run.fault.instance, run.order()) == ("/do/0/scope", ["scope", "c"])


def test_a_call_with_an_unusable_answer_is_asked_again():
    run = Play(document({"c": call(output={"as": ".x.y"})}))
    run.answer("c", {"x": 1})
    assert run.cancelled == [], "it was answered"
    run.retry()
    run.answer("c", {"x": {"y": 2}})
    assert run.output == 2


def test_a_loop_goes_on_with_the_iteration_that_failed():
    loop = {"for": {"in": "[1, 2, 3]"}, "do": [{"c": call(with_={"body": "${ $item }"})}]}
    run = Play(document({"loop": loop}))
    run.answer("c", None)
    run.fail("c", down())
    run.retry()
    assert (run.resolve("c")["body"], run.effect("c").visit) == (2, 2)


def test_a_loop_whose_condition_failed_asks_it_again():
    loop = {"for": {"in": "[1, 2, 3]"}, "while": ".go // true", "do": [{"c": call()}]}
    run = Play(document({"loop": loop}), {})
    run.answer("c", "no object")
    assert run.fault.instance == "/do/0/loop"
    run.retry()
    assert (run.fault.instance, run.order()) == ("/do/0/loop", ["loop", "c"])


def test_time_limits_start_anew():
    run = Play(document({"c": call(timeout={"after": {"seconds": 5}})}, timeout={"after": {"seconds": 8}}))
    run.pass_time(5)
    run.pass_time(60)
    run.retry()
    run.pass_time(4)
    run.answer("c", "in time")
    assert run.output == "in time"


def test_a_scope_that_timed_out_goes_on_where_it_was():
    scope = {"do": [{"a": call()}, {"b": call()}], "timeout": {"after": {"seconds": 5}}}
    run = Play(document({"scope": scope}))
    run.answer("a", 1)
    run.pass_time(5)
    assert run.fault.instance == "/do/0/scope"
    run.retry()
    run.answer("b", 2)
    assert (run.output, run.order()) == (2, ["scope", "a", "b", "b"])


def test_the_policy_around_it_has_its_tries_again():
    policy = {"limit": {"attempt": {"count": 1}}}
    run = Play(document({"t": {"try": [{"c": call()}], "catch": {"retry": policy}}}))
    run.fail("c", down())
    run.fail("c", down())
    run.retry()
    run.fail("c", down())
    assert (run.transition.outcome, run.effect("c").attempt) == (None, 4)


def test_a_run_that_was_stopped_for_looping_may_go_on(monkeypatch):
    monkeypatch.setattr("lib.dsl.flow.PURE_TASKS", 50)
    run = Play(document({"loop": {"for": {"in": "[range(80)]"}, "do": [{"s": {"set": "${ $item }"}}]}}))
    assert run.fault.type.endswith("runtime")
    run.retry()
    assert run.output == 79


def test_a_run_with_an_invalid_input_fails_the_same_way_again():
    run = Play(document({"s": {"set": "1"}}, input={"schema": {"document": {"type": "number"}}}), "text")
    run.retry()
    assert (run.fault.instance, run.order()) == ("/", [])


def test_only_a_faulted_run_can_be_retried():
    run = play(document({"s": {"set": "1"}}))
    with pytest.raises(Conflict):
        run.retry()
