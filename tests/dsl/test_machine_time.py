"""Time: waits, timeouts and the timers in the state."""

from datetime import timedelta

import pytest

from lib import dsl
from lib.dsl import Result
from tests.dsl.play import NOON, Play, call, document, play


def after(**duration):
    return {"after": duration}


def kind(fault):
    return fault.type.rsplit("/", 1)[1]


@pytest.mark.parametrize("wait", [{"seconds": 90}, "PT1M30S", '${ "PT\\(.s)S" }'])
def test_a_wait_passes_its_input_on_when_its_time_has_come(wait):
    run = Play(document({"w": {"wait": wait}}), {"s": 90})
    assert dsl.wake_at(run.state) == NOON + timedelta(seconds=90)
    run.pass_time(89)
    assert run.transition.outcome is None
    run.pass_time(1)
    assert run.output == {"s": 90}


def test_waiting_for_no_time_is_no_wait():
    assert play(document({"w": {"wait": {"seconds": 0}}}), 1).now == NOON


def test_a_duration_that_is_none_faults_the_task():
    assert kind(play(document({"w": {"wait": "${ .s }"}}), {"s": "soon"}).fault) == "expression"


def test_waits_side_by_side_fire_in_the_order_of_their_times():
    branches = [{"late": {"wait": {"seconds": 9}}}, {"early": {"wait": {"seconds": 5}}}]
    run = Play(document({"f": {"fork": {"branches": branches}}}))
    run.pass_time(60)
    assert run.told("completed")[:2] == [("completed", "early"), ("completed", "late")]


def test_a_call_that_is_too_late_is_cancelled_and_faults():
    run = Play(document({"c": call(timeout=after(seconds=5))}))
    effect = run.effect("c")
    assert effect.timeout_seconds == 5
    run.pass_time(5)
    assert (kind(run.fault), run.fault.status, run.fault.instance) == ("timeout", 408, "/do/0/c")
    assert run.cancelled == [effect.id]


def test_an_answer_that_comes_together_with_the_timeout_wins():
    run = Play(document({"c": call(timeout=after(seconds=5))}))
    run.now += timedelta(seconds=6)
    run.answer("c", "just so")
    assert run.output == "just so"


def test_a_timeout_is_caught_like_any_fault():
    task = {"try": [{"c": call(timeout=after(seconds=5))}], "catch": {"do": [{"h": {"set": "${ $error.status }"}}]}}
    run = Play(document({"t": task}))
    late = run.effect("c").id
    run.pass_time(5)
    assert run.output == 408
    run.arrive(Result(late, "too late"))
    assert run.output == 408


def test_a_timeout_of_a_scope_interrupts_everything_inside():
    inner = {"fork": {"branches": [{"a": call()}, {"b": {"wait": {"days": 1}}}]}}
    scope = {"do": [{"f": inner}], "timeout": after(seconds=5)}
    run = Play(document({"t": {"try": [{"scope": scope}], "catch": {"do": [{"h": {"set": "${ $error.instance }"}}]}}}))
    run.pass_time(5)
    assert run.output == "/do/0/t/try/0/scope"
    assert run.told("faulted") == [("faulted", "scope")]
    assert sorted(run.told("cancelled")) == [("cancelled", "a"), ("cancelled", "b"), ("cancelled", "f")]


def test_a_try_does_not_catch_its_own_timeout():
    task = {"try": [{"c": call()}], "catch": {}, "timeout": after(seconds=5)}
    run = Play(document({"t": task}))
    run.pass_time(5)
    assert run.fault.instance == "/do/0/t"


def test_a_timeout_goes_on_during_the_delay_of_a_retry():
    task = {"try": [{"c": call()}], "catch": {"retry": {"delay": {"seconds": 9}}}, "timeout": after(seconds=5)}
    run = Play(document({"t": task}))
    run.fail("c", dsl.Fault("https://x.test/y", 500))
    run.pass_time(5)
    assert (kind(run.fault), run.fault.instance) == ("timeout", "/do/0/t")


def test_the_workflow_times_out_as_a_whole():
    run = Play(document({"a": {"wait": {"seconds": 4}}}, {"b": {"wait": {"seconds": 4}}}, timeout=after(seconds=5)))
    run.pass_time(4)
    run.pass_time(4)
    assert (kind(run.fault), run.fault.instance) == ("timeout", "/")


def test_a_timeout_may_be_named():
    parts = {"use": {"timeouts": {"short": after(seconds=2)}}}
    run = Play(document({"c": call(timeout="short")}, **parts, timeout="short"))
    assert run.effect("c").timeout_seconds == 2


def test_a_finished_task_leaves_no_timer():
    run = Play(document({"a": call(timeout=after(seconds=5))}, {"b": call()}))
    run.answer("a", 1)
    assert dsl.wake_at(run.state) is None


def test_a_timer_is_told_of_even_in_a_loop_that_is_told_of_no_more():
    scope = {"do": [{"w": {"wait": {"seconds": 9}}}], "timeout": after(seconds=5)}
    task = {"try": [{"scope": scope}], "catch": {}}
    run = Play(document({"loop": {"for": {"in": "[range(103)]"}, "do": [{"t": task}]}}))
    while run.transition.outcome is None:
        run.pass_time(5)
        assert run.transition.events
    assert run.told("faulted").count(("faulted", "scope")) == 103


def test_a_retry_is_told_of_even_in_a_loop_that_is_told_of_no_more():
    fault = {"raise": {"error": {"type": "https://x.test/y", "status": 500}}}
    policy = {"delay": {"seconds": 1}, "limit": {"attempt": {"count": 1}}}
    task = {"try": [{"r": fault}], "catch": {"retry": policy, "do": [{"h": {"set": "1"}}]}}
    run = play(document({"loop": {"for": {"in": "[range(103)]"}, "do": [{"t": task}]}}))
    assert run.told("retried") == [("retried", "t")] * 103


def test_two_limits_that_are_reached_at_once_count_once():
    policy = {"limit": {"attempt": {"count": 5, "duration": {"seconds": 5}}}}
    task = {"try": [{"c": call(timeout=after(seconds=5))}], "catch": {"retry": policy}}
    run = Play(document({"t": task}))
    run.pass_time(5)
    run.pass_time(5)
    assert run.effect("c").attempt == 3
    assert len(run.told("retried")) == 2


def test_only_an_open_effect_takes_an_answer():
    run = Play(document({"f": {"fork": {"branches": [{"w": {"wait": {"seconds": 5}}}, {"c": call()}]}}}))
    before = run.state
    run.arrive(*(Result(id, "who asked?") for id, frame in before.frames.items() if not frame.get("open")))
    assert run.state == before


def test_a_machine_with_nothing_to_do_stays_as_it_is():
    run = Play(document({"c": call()}))
    before = run.state
    run.pass_time(3600)
    assert run.state == before
    assert run.transition.events == ()


def test_a_finished_run_stays_as_it_is():
    run = play(document({"s": {"set": "1"}}))
    again = dsl.advance(run.document, run.state, [Result(1, 2)], now=run.now)
    assert (again.state, again.outcome, again.events) == (run.state, dsl.Completed(1), ())
