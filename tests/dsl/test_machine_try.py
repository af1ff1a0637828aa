"""Try, catch, retry and raise."""

from datetime import timedelta

import pytest

from lib import dsl
from lib.dsl import faults
from tests.dsl.play import NOON, Play, call, document, play

TEAPOT = {"type": "https://x.test/teapot", "status": 418, "title": "Teapot", "detail": "short and stout"}
ALIAS = "https://serverlessworkflow.io/dsl/errors/types/communication"


def attempt(*tasks, **catch):
    return {"try": list(tasks), "catch": catch}


def raising(error=TEAPOT, **catch):
    return play(document({"t": attempt({"r": {"raise": {"error": error}}}, **catch)}), {"in": 1})


def down(status=503):
    return faults.communication("down", status)


class TestRaise:
    def test_ends_the_run_with_the_error_and_where_it_is_from(self):
        run = play(document({"r": {"raise": {"error": TEAPOT}}}))
        assert run.fault.to_json() == {**TEAPOT, "instance": "/do/0/r"}

    def test_may_name_an_error_and_evaluate_its_texts(self):
        error = {**TEAPOT, "detail": '${ "\\(.n) of \\($workflow.definition.document.name)" }'}
        run = play(document({"r": {"raise": {"error": "teapot"}}}, use={"errors": {"teapot": error}}), {"n": 3})
        assert run.fault.detail == "3 of play"


class TestCatching:
    def test_without_a_filter_everything_is_caught_and_the_input_is_the_output(self):
        run = raising()
        assert run.output == {"in": 1}
        assert run.told("faulted") == [("faulted", "r")]

    def test_the_handler_gets_the_input_of_the_try_and_gives_its_output(self):
        handler = {"h": {"set": {"input": "${ . }", "error": "${ $error }"}}}
        assert raising(do=[handler]).output == {"input": {"in": 1}, "error": {**TEAPOT, "instance": "/do/0/t/try/0/r"}}

    @pytest.mark.parametrize(
        ("wanted", "caught"),
        [
            ({"status": 418}, True),
            ({"status": 419}, False),
            ({"type": TEAPOT["type"], "status": 418}, True),
            ({"title": "Teapot"}, True),
            ({"details": "short and stout"}, True),
            ({"details": "tall"}, False),
            ({"instance": "/do/0/t/try/0/r"}, True),
            ({"instance": "/do/0/other"}, False),
        ],
    )
    def test_filters_on_every_member_that_is_given(self, wanted, caught):
        run = raising(errors={"with": wanted})
        assert isinstance(run.transition.outcome, dsl.Completed) is caught

    def test_an_older_type_uri_means_the_same_error(self):
        run = Play(document({"t": attempt({"c": call()}, errors={"with": {"type": ALIAS, "status": 404}})}), 1)
        run.fail("c", down(404))
        assert run.output == 1

    @pytest.mark.parametrize(
        ("conditions", "caught"),
        [
            ({"when": ".status == 418"}, True),
            ({"when": "$error.status == 1"}, False),
            ({"exceptWhen": ".status == 418"}, False),
            ({"when": "true", "exceptWhen": "false"}, True),
            ({"as": "it", "when": '$it.title == "Teapot"'}, True),
        ],
    )
    def test_conditions_look_at_the_error(self, conditions, caught):
        assert isinstance(raising(**conditions).transition.outcome, dsl.Completed) is caught

    def test_a_broken_condition_is_a_fault_of_the_try(self):
        run = raising(when=".status.deeper.still")
        assert (run.fault.type.rsplit("/", 1)[1], run.fault.instance) == ("expression", "/do/0/t")

    def test_an_inner_try_that_does_not_match_leaves_the_error_to_the_outer(self):
        inner = attempt({"r": {"raise": {"error": TEAPOT}}}, errors={"with": {"status": 1}})
        outer = attempt({"inner": inner}, do=[{"h": {"set": "${ $error.instance }"}}])
        run = play(document({"outer": outer}))
        assert run.output == "/do/0/outer/try/0/inner/try/0/r"
        assert run.told("faulted") == [("faulted", "r"), ("faulted", "inner")]

    def test_a_fault_in_the_handler_is_not_caught_by_the_same_try(self):
        again = {**TEAPOT, "status": 500}
        assert raising(do=[{"again": {"raise": {"error": again}}}]).fault.status == 500

    def test_a_fault_of_the_output_is_not_caught_by_the_same_try(self):
        task = {**attempt({"s": {"set": "1"}}), "output": {"as": ".x"}}
        assert play(document({"t": task})).fault.instance == "/do/0/t"

    def test_a_call_whose_answer_is_unusable_is_not_cancelled(self):
        run = Play(document({"t": attempt({"c": call(output={"as": ".x.y"})})}), {"in": 1})
        run.answer("c", {"x": 1})
        assert (run.output, run.cancelled) == ({"in": 1}, [])

    def test_what_follows_the_fault_is_not_run(self):
        run = play(
            document({"t": attempt({"r": {"raise": {"error": TEAPOT}}}, {"never": {"set": "1"}})}, {"on": {"set": "2"}})
        )
        assert run.order() == ["t", "r", "on"]


class Retrying(Play):
    """A `try` around one call, retried by a policy."""

    def __init__(self, policy, **catch):
        super().__init__(document({"t": attempt({"c": call()}, retry=policy, **catch)}), {"in": 1})

    def delays(self):
        """Fails until the policy gives up; the seconds before each retry."""
        found = []
        while any(effect.reference.endswith("/c") for effect in self.open) and len(found) < 6:
            self.fail("c", down())
            wake_at = dsl.wake_at(self.state)
            if wake_at is not None:
                found.append((wake_at - self.now) / timedelta(seconds=1))
                self.now = wake_at
                self.arrive()
        return found


def limited(count, **policy):
    return {"delay": {"seconds": 3}, "limit": {"attempt": {"count": count}}, **policy}


class TestRetrying:
    @pytest.mark.parametrize(
        ("backoff", "delays"),
        [
            ({}, [3, 3, 3]),
            ({"constant": {}}, [3, 3, 3]),
            ({"linear": {}}, [3, 6, 9]),
            ({"exponential": {}}, [6, 12, 24]),
        ],
    )
    def test_waits_as_the_backoff_says_and_counts_retries_not_tries(self, backoff, delays):
        run = Retrying(limited(3, backoff=backoff) if backoff else limited(3))
        assert run.delays() == delays
        assert run.fault.status == 503

    def test_a_retry_that_succeeds_is_all_that_is_seen(self):
        run = Retrying(limited(3))
        run.fail("c", down())
        assert run.open == ()
        run.pass_time(3)
        run.answer("c", "fine")
        assert run.output == "fine"
        assert run.told("retried") == [("retried", "t")]

    def test_tells_of_each_retry_with_its_number_and_delay(self):
        run = Retrying(limited(2))
        run.delays()
        told = [event.data for event in run.events if "retried" in event.type]
        assert told == [{"task": "/do/0/t", "visit": 1, "attempt": n, "delay_seconds": 3.0} for n in (2, 3)]

    def test_without_a_delay_it_tries_again_at_once(self):
        run = Retrying({"limit": {"attempt": {"count": 1}}})
        run.fail("c", down())
        assert run.effect("c").attempt == 2

    def test_a_retried_call_keeps_its_visit_so_that_no_payment_is_made_twice(self):
        loop = {"for": {"in": "[1, 2, 3]"}, "do": [{"c": call()}]}
        run = Play(document({"t": attempt({"loop": loop}, retry=limited(2))}))
        run.answer("c", None)
        run.fail("c", down())
        run.pass_time(3)
        seen = []
        for _ in range(3):
            seen.append((run.effect("c").visit, run.effect("c").attempt))
            run.answer("c", None)
        assert seen == [(1, 2), (2, 2), (3, 2)]

    def test_another_visit_of_the_same_try_is_another_call(self):
        task = attempt({"c": call()}, retry=limited(2))
        run = Play(document({"loop": {"for": {"in": "[1, 2]"}, "do": [{"t": task}]}}))
        run.fail("c", down())
        run.pass_time(3)
        run.answer("c", None)
        assert (run.effect("c").visit, run.effect("c").attempt) == (2, 1)
        run.fail("c", down())
        run.pass_time(3)
        assert (run.effect("c").visit, run.effect("c").attempt) == (2, 2)

    def test_no_attempt_of_a_visit_is_numbered_twice_however_tries_nest(self):
        inner = attempt({"c": call()}, retry=limited(1))
        run = Play(document({"outer": attempt({"inner": inner}, retry=limited(1))}))
        seen = []
        for _ in range(4):
            seen.append((run.effect("c").visit, run.effect("c").attempt))
            run.fail("c", down())
            run.pass_time(3)
        assert seen == [(1, 1), (1, 2), (1, 3), (1, 4)]
        assert run.fault.status == 503

    def test_a_call_of_the_handler_is_tried_for_the_first_time(self):
        run = Retrying(limited(1), do=[{"h": call()}])
        run.delays()
        assert (run.effect("h").visit, run.effect("h").attempt) == (1, 1)

    def test_when_it_gives_up_the_handler_takes_over(self):
        run = Retrying(limited(1), do=[{"h": {"set": "${ $error.status }"}}])
        assert run.delays() == [3]
        assert run.output == 503

    @pytest.mark.parametrize("condition", [{"when": ".status == 1"}, {"exceptWhen": "$error.status == 503"}])
    def test_conditions_of_the_policy_look_at_the_error(self, condition):
        assert Retrying(limited(3, **condition)).delays() == []

    def test_gives_up_when_the_next_try_would_begin_too_late(self):
        run = Retrying({"delay": {"seconds": 4}, "limit": {"duration": {"seconds": 10}}})
        assert run.delays() == [4, 4]

    def test_a_retry_that_takes_too_long_is_cut_off_and_counts(self):
        run = Retrying({"limit": {"attempt": {"count": 2, "duration": {"seconds": 5}}}})
        run.pass_time(60)
        run.fail("c", down())
        second = run.effect("c").id
        run.pass_time(5)
        assert (run.cancelled, run.effect("c").attempt) == ([second], 3)
        run.pass_time(5)
        assert (run.fault.status, run.fault.instance) == (408, "/do/0/t/try/0/c")

    def test_jitter_is_within_its_bounds_and_always_the_same(self):
        policy = limited(3, jitter={"from": {"seconds": 1}, "to": {"seconds": 2}})
        first, second = Retrying(policy).delays(), Retrying(policy).delays()
        assert first == second
        assert all(4 <= delay <= 5 for delay in first)
        assert len(set(first)) == 3

    def test_a_policy_may_be_named_and_its_durations_be_expressions(self):
        policy = {"delay": '${ "PT\\(.in)S" }', "limit": {"attempt": {"count": 1}}}
        task = attempt({"c": call()}, retry="named")
        run = Play(document({"t": task}, use={"retries": {"named": policy}}), {"in": 7})
        run.fail("c", down())
        assert dsl.wake_at(run.state) == NOON + timedelta(seconds=7)

    def test_a_retry_cancels_what_else_was_under_way(self):
        fork = {"fork": {"branches": [{"a": call()}, {"b": call()}]}}
        run = Play(document({"t": attempt({"f": fork}, retry=limited(1))}))
        other = run.effect("b").id
        run.fail("a", down())
        assert (run.open, run.cancelled) == ((), [other])
        run.pass_time(3)
        assert [(e.reference[-1], e.visit, e.attempt) for e in run.open] == [("a", 1, 2), ("b", 1, 2)]

    def test_a_retry_goes_on_with_the_context_as_it_is(self):
        export = {"s": {"set": "1", "export": {"as": "($context // 0) + 1"}}}
        run = Play(document({"t": attempt(export, {"c": call(with_={"body": "${ $context }"})}, retry=limited(1))}))
        run.fail("c", down())
        run.pass_time(3)
        assert run.resolve("c")["body"] == 2

    def test_an_endless_retry_of_pure_tasks_is_stopped(self, monkeypatch):
        monkeypatch.setattr("lib.dsl.flow.PURE_TASKS", 3000)
        assert "3,000" in raising(retry={"limit": {}}).fault.detail
