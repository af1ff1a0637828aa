"""`run`: other workflows, scripts and commands are effects; and what a call says about its authentication."""

import pytest

from lib import dsl, errors
from tests.dsl.play import NOON, Play, call, document

FAULT = dsl.Fault("https://x.test/e", 500)


def subflow(run=None, **workflow):
    return {"run": {"workflow": {"name": "child", **workflow}, **(run or {})}}


def scripted(process, **run):
    definition = {
        "document": {"dsl": "1.0.3", "namespace": "test", "name": "play", "version": "1.0.0"},
        "do": [{"r": {"run": {**process, **run}}}],
    }
    return Play(dsl.compile_document(definition, allow_scripts=True), {"x": 1})


def test_a_workflow_is_an_effect_that_somebody_else_does():
    run = Play(document({"r": subflow()}), {})
    [effect] = run.open
    assert (effect.function, effect.remote, effect.attempt) == ("workflow", True, 1)
    assert not Play(document({"c": call()})).open[0].remote


def test_the_arguments_name_the_workflow_and_its_input():
    child = subflow(namespace="other", version="1.2.3", input={"name": "${ .user }"})
    assert Play(document({"r": child}), {"user": "Ada"}).resolve("r") == {
        "namespace": "other",
        "name": "child",
        "version": "1.2.3",
        "input": {"name": "Ada"},
        "await": True,
    }


def test_without_further_words_it_is_the_latest_of_the_same_namespace_on_the_tasks_input():
    assert Play(document({"r": subflow()}), {"x": 1}).resolve("r") == {
        "namespace": "test",
        "name": "child",
        "version": "latest",
        "input": {"x": 1},
        "await": True,
    }


def test_what_the_workflow_gives_is_the_output_however_late():
    run = Play(document({"r": subflow()}), {})
    run.pass_time(86_400 * 30)
    run.answer("r", {"done": True})
    assert run.output == {"done": True}


def test_a_failure_of_the_workflow_is_a_fault_of_the_task():
    run = Play(document({"t": {"try": [{"r": subflow()}], "catch": {"do": [{"s": {"set": {"caught": "${ true }"}}}]}}}))
    run.fail("r", FAULT)
    assert run.output == {"caught": True}


def test_a_workflow_that_is_not_awaited_gives_the_input_once_it_has_been_started():
    run = Play(document({"r": {**subflow({"await": False}), "input": {"from": ".x"}}}), {"x": 5})
    assert run.resolve("r")["await"] is False
    run.answer("r", "id of the child")
    assert run.output == 5


def test_a_timeout_cancels_the_workflow_and_a_retry_starts_another():
    run = Play(document({"r": {**subflow(), "timeout": {"after": "P2D"}}}), {})
    [first] = run.open
    assert first.timeout_seconds == 2 * 86_400
    run.pass_time(2 * 86_400)
    assert run.cancelled == [first.id]
    run.retry()
    [second] = run.open
    assert (second.remote, second.visit, second.attempt) == (True, 1, 2)


def test_a_retry_starts_again_what_the_fault_of_another_branch_had_cancelled():
    run = Play(document({"f": {"fork": {"branches": [{"r": subflow()}, {"c": call()}]}}}))
    first = run.effect("r")
    run.fail("c", FAULT)
    run.retry()
    assert run.effect("r").remote
    assert run.effect("r").id != first.id


@pytest.mark.parametrize("returned", ["stdout", "stderr", "code", "all", "none"])
def test_a_command_is_an_effect_with_all_it_needs(returned):
    shell = {"command": "echo $1", "stdin": "${ .x }", "arguments": ["a", "${ .x }"], "environment": {"A": "b"}}
    run = scripted({"shell": shell}, **{"return": returned})
    [effect] = run.open
    assert (effect.function, effect.remote) == ("shell", False)
    assert run.resolve("r") == {
        "command": "echo $1",
        "stdin": 1,
        "arguments": ["a", 1],
        "environment": {"A": "b"},
        "return": returned,
        "await": True,
    }


def test_a_script_is_an_effect_and_may_be_left_alone():
    run = scripted({"script": {"language": "python", "code": "print(1)", "arguments": {"a": 1}}}, **{"await": False})
    assert run.resolve("r") == {
        "language": "python",
        "code": "print(1)",
        "arguments": {"a": 1},
        "return": "stdout",
        "await": False,
    }
    run.answer("r", "1\n")
    assert run.output == {"x": 1}


@pytest.mark.parametrize("process", [{"shell": {"command": "ls"}}, {"script": {"language": "js", "code": "1"}}])
def test_scripts_are_refused_unless_they_are_allowed(process):
    with pytest.raises(errors.InvalidDocument) as refused:
        document({"r": {"run": process}})
    [problem] = refused.value.extra["errors"]
    assert "is switched off here: it would run foreign code on this machine" in problem["detail"]
    assert "RATCHET_ALLOW_SCRIPTS=on" in problem["detail"]


def test_authorization_is_seen_by_the_output_and_export_of_the_call_alone():
    shown = {"output": {"as": "{scheme: $authorization.scheme}"}, "export": {"as": "$authorization.parameter"}}
    outer = {"do": [{"c": call(**shown)}], "output": {"as": "{c: ., outer: $authorization, context: $context}"}}
    run = Play(document({"o": outer}))
    made = {"scheme": "Bearer", "parameter": "t-1"}
    transition = dsl.advance(run.document, run.state, [dsl.Result(run.effect("c").id, {}, made)], now=NOON)
    assert transition.outcome == dsl.Completed({"c": {"scheme": "Bearer"}, "outer": None, "context": "t-1"})


def test_authorization_never_enters_the_state():
    run = Play(document({"c": call(output={"as": ".x.y"})}))
    made = {"scheme": "Bearer", "parameter": "t-1"}
    transition = dsl.advance(run.document, run.state, [dsl.Result(run.effect("c").id, {"x": 1}, made)], now=NOON)
    assert "t-1" not in str(transition.state.dump())
    assert isinstance(transition.outcome, dsl.Faulted)
