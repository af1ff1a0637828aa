"""A run told as data: what goes in, what the world answers and sends, and what has to come of it.

input, secrets, events       what the run is given; events arrive one by one, when the run listens
answers                      in order: `to` (function and address), `sends` (arguments that must be among those
                             sent), and `gives` or `fails` (a status: a communication fault)
output | fault | waits       how it ends: the exact output, properties of the fault, or still waiting
emits, seconds, order        which events went out, how much time went by, which tasks were started one after the other
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

from lib import dsl
from lib.dsl import faults
from tests.dsl.play import NOON, Play, event

KEYS = {"input", "secrets", "events", "answers", "output", "fault", "waits", "emits", "seconds", "order"}


def perform(document: dsl.Document, case: Mapping[str, Any]) -> None:
    """Plays the run and holds what comes of it against the case."""
    answers, events = deque(case.get("answers") or ()), deque(case.get("events") or ())
    run = Play(document, case.get("input"))
    while run.transition.outcome is None:
        if run.open:
            run.arrive(_answer(run, answers, case.get("secrets") or {}))
        elif events and run.listens:
            run.hear(event(**events.popleft()))
        elif wake_at := dsl.wake_at(run.state):
            run.pass_time((wake_at - run.now).total_seconds())
        else:
            break
    assert not answers, f"nobody asked for {answers}"
    assert not events, f"nobody listened for {events}"
    _compare(run, case)


def _answer(run: Play, answers: deque[dict[str, Any]], secrets: Mapping[str, Any]) -> dsl.Arrival:
    effect = run.open[0]
    try:
        arguments = dsl.resolve(run.document, run.state, effect, secrets=secrets)
    except dsl.Fault as fault:
        return dsl.Failure(effect.id, fault)
    asked = f"{effect.function} {address(arguments)}".strip()
    assert answers, f"no answer to {asked}"
    answer = answers.popleft()
    assert asked == answer["to"]
    assert contains(arguments, answer.get("sends", {})), arguments
    if "fails" in answer:
        return dsl.Failure(effect.id, faults.communication("the service refused", answer["fails"]))
    return dsl.Result(effect.id, answer.get("gives"))


def address(arguments: Any) -> str:
    """Where a call goes: its URI, the operation, or the name or text of what is run."""
    endpoint = arguments.get("endpoint") or arguments.get("operationId") or arguments.get("name") or ""
    return endpoint["uri"] if isinstance(endpoint, dict) else endpoint


def contains(found: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is there; objects may hold more."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and contains(found[name], value) for name, value in wanted.items()
        )
    return found == wanted


def _compare(run: Play, case: Mapping[str, Any]) -> None:
    outcome = run.transition.outcome
    if case.get("waits"):
        assert outcome is None, outcome
    elif "fault" in case:
        found = run.fault.to_json()
        found["type"] = found["type"].rpartition("/")[2]
        assert contains(found, case["fault"]), found
    else:
        assert run.output == case["output"], run.output
    if "emits" in case:
        assert len(run.emitted) == len(case["emits"])
        assert all(contains(*pair) for pair in zip(run.emitted, case["emits"], strict=True)), run.emitted
    if "order" in case:
        assert run.order() == case["order"]
    if "seconds" in case:
        assert (run.now - NOON).total_seconds() == case["seconds"]
