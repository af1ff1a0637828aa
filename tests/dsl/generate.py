"""Generates valid documents, and worlds that answer them, for the property tests."""

import hashlib
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st

from lib import dsl
from lib.dsl import faults
from tests.dsl.play import Play, call, event

VALUES = ("${ . }", "${ [.] }", "${ {a: 1} }", "${ .a }", "${ $context }", "${ $task.reference }", '${ "x" + . }')
CONDITIONS = ("true", "$task != null", '(. | type) == "object"', "false", ".a.b")
# What the tasks may call, and what is around some of them.
USE = {
    "functions": {"f": {"do": [{"in": {"call": "http", "with": {"method": "get", "endpoint": "https://x.test"}}}]}},
    "extensions": [
        {"x": {"extend": "switch", "before": [{"b": {"set": {"x": 1}}}], "after": [{"a": {"wait": {"seconds": 1}}}]}},
        {
            "y": {
                "extend": "wait",
                "when": '(. | type) == "object"',
                "before": [{"b": {"set": {"mock": True}, "then": "exit"}}],
            }
        },
    ],
}
THENS = ("continue", "exit", "end")


def chance(draw: Callable[..., Any], percent: int) -> bool:
    return draw(st.integers(0, 99)) < percent


@st.composite
def task_lists(draw: Any, depth: int, *, calm: bool, in_fork: bool = False) -> list[dict[str, Any]]:
    """Two to four tasks; `calm` ones neither fail nor depend on who comes first."""
    count = draw(st.integers(2, 4))
    found = []
    for place in range(count):
        task = draw(tasks(depth, calm=calm, in_fork=in_fork))
        if chance(draw, 20):
            later = [f"t{number}" for number in range(place + 1, count)]
            thens = [then for then in (*THENS, *later) if not (calm and in_fork and then == "end")]
            task = {**task, "then": draw(st.sampled_from(thens))}
        found.append({f"t{place}": task})
    return found


@st.composite
def tasks(draw: Any, depth: int, *, calm: bool, in_fork: bool) -> dict[str, Any]:
    simple = ["set", "call", "wait", "emit", "run", "function"]
    simple += [] if calm else ["raise", "switch", "listen", "listen"]
    kinds = simple if depth == 0 else [*("do", "for", "fork", "try", "try") * 2, *simple]
    kind = draw(st.sampled_from(kinds))
    task = draw(_BODIES[kind](depth - 1, calm, in_fork or kind == "fork"))
    conditions = CONDITIONS[:4] if calm else CONDITIONS
    if chance(draw, 15):
        task = {**task, "if": draw(st.sampled_from(conditions))}
    if not calm and chance(draw, 15):
        task = {**task, "timeout": {"after": {"seconds": draw(st.integers(1, 8))}}}
    if not calm and chance(draw, 15):
        task = {**task, "export": {"as": draw(st.sampled_from((".", "[$context]", ".a.b")))}}
    return task


def _set(depth: int, calm: bool, in_fork: bool) -> Any:
    return st.sampled_from(VALUES[:3] if calm else VALUES).map(lambda value: {"set": {"v": value}})


def _call(depth: int, calm: bool, in_fork: bool) -> Any:
    return st.just(call(with_={"body": "${ . }"}))


def _wait(depth: int, calm: bool, in_fork: bool) -> Any:
    return st.integers(0, 5).map(lambda seconds: {"wait": {"seconds": seconds}})


def _raise(depth: int, calm: bool, in_fork: bool) -> Any:
    return st.sampled_from((400, 503)).map(
        lambda status: {"raise": {"error": {"type": "https://x.test/raised", "status": status}}}
    )


def _switch(depth: int, calm: bool, in_fork: bool) -> Any:
    cases = st.sampled_from(CONDITIONS).map(lambda when: [{"c": {"when": when, "then": "continue"}}])
    return cases.map(lambda items: {"switch": [*items, {"d": {"then": "exit"}}]})


def _emit(depth: int, calm: bool, in_fork: bool) -> Any:
    return st.just({"emit": {"event": {"with": {"source": "/x", "type": "a", "time": "2024-01-01T00:00:00Z"}}}})


def _run(depth: int, calm: bool, in_fork: bool) -> Any:
    return st.booleans().map(lambda awaited: {"run": {"workflow": {"name": "child"}, "await": awaited}})


def _function(depth: int, calm: bool, in_fork: bool) -> Any:
    return st.just({"call": "f", "with": {"x": "${ . }"}})


@st.composite
def _listen(draw: Any, depth: int, calm: bool, in_fork: bool) -> dict[str, Any]:
    of = [{"with": {"type": name}, "correlate": {"k": {"from": ".data.k"}}} for name in ("a", "b")]
    strategies = [
        {"one": of[0]},
        {"all": of},
        {"any": of, "until": {"all": [{"with": {"type": "a"}}, {"with": {"type": "stop"}}]}},
        *({"any": [], "until": until} for until in ("length > 1", "true", ".x.y")),
    ]
    task: dict[str, Any] = {"listen": {"to": draw(st.sampled_from(strategies))}}
    if chance(draw, 60):
        body = draw(task_lists(max(depth, 0), calm=calm, in_fork=in_fork)) if depth > 0 else []
        task["foreach"] = {"do": body, "output": {"as": draw(st.sampled_from((".", "[$item]", ".a.b.c")))}}
    return task


def _do(depth: int, calm: bool, in_fork: bool) -> Any:
    return task_lists(depth, calm=calm, in_fork=in_fork).map(lambda inner: {"do": inner})


def _for(depth: int, calm: bool, in_fork: bool) -> Any:
    body = task_lists(depth, calm=calm, in_fork=in_fork)
    return st.tuples(body, st.integers(0, 3)).map(lambda made: {"for": {"in": f"[range({made[1]})]"}, "do": made[0]})


def _fork(depth: int, calm: bool, in_fork: bool) -> Any:
    branches = task_lists(depth, calm=calm, in_fork=True)
    compete = st.just(False) if calm else st.booleans()
    return st.tuples(branches, compete).map(
        lambda made: {"fork": {"branches": [_unnamed(branch) for branch in made[0]], "compete": made[1]}}
    )


def _unnamed(branch: dict[str, Any]) -> dict[str, Any]:
    """A branch cannot go to another one."""
    return {
        name: {key: value for key, value in task.items() if key != "then" or value in THENS}
        for name, task in branch.items()
    }


@st.composite
def _try(draw: Any, depth: int, calm: bool, in_fork: bool) -> dict[str, Any]:
    catch: dict[str, Any] = {}
    if chance(draw, 40):
        catch["errors"] = {"with": {"status": draw(st.sampled_from((400, 408, 503)))}}
    if chance(draw, 20):
        catch["when"] = draw(st.sampled_from(CONDITIONS))
    if chance(draw, 60):
        limit = {"attempt": {"count": draw(st.integers(0, 2)), "duration": {"seconds": 3}}}
        catch["retry"] = {"delay": {"seconds": draw(st.integers(0, 2))}, "limit": limit, "backoff": {"linear": {}}}
    if chance(draw, 50):
        catch["do"] = draw(task_lists(depth, calm=calm, in_fork=in_fork))
    return {"try": draw(task_lists(depth, calm=calm, in_fork=in_fork)), "catch": catch}


_BODIES = {
    "set": _set,
    "call": _call,
    "wait": _wait,
    "raise": _raise,
    "switch": _switch,
    "emit": _emit,
    "run": _run,
    "function": _function,
    "listen": _listen,
    "do": _do,
    "for": _for,
    "fork": _fork,
    "try": _try,
}


def answer(effect: dsl.Effect, failing: int) -> dsl.Arrival:
    """What the world says, by lot but always the same; it fails in so many cases of a hundred."""
    key = f"{effect.reference}:{effect.visit}:{effect.attempt}"
    lot = hashlib.sha256(key.encode()).digest()[0] * 100 // 256
    if lot < failing:
        return dsl.Failure(effect.id, faults.communication("by lot", 503 if lot % 2 else 400))
    return dsl.Result(effect.id, {"a": lot})


def play_by_lot(document: dsl.Document, seed: int, *, failing: int = 0) -> Play:
    """A run whose answers arrive in a random order, some together, some late, some twice."""
    random = Random(seed)  # a test's own dice, thrown the same way each time
    run = Play(document, {"a": {"b": True}})
    while run.transition.outcome is None:
        step(run, random, failing)
    return run


def events(random: Random) -> list[dsl.Arrival]:
    """A few events, whether anybody listens or not."""
    types = random.choices(["a", "b", "c", "stop"], k=random.randint(1, 4))
    return [dsl.Received(event(name, {"k": random.randint(0, 1), "a": {"b": {"c": 1}}})) for name in types]


def step(run: Play, random: Random, failing: int) -> None:
    effects = [effect for effect in run.open if random.random() < 0.6]
    random.shuffle(effects)
    wake_at = dsl.wake_at(run.state)
    if wake_at is not None and (random.random() < 0.3 or not run.open):
        run.now = max(run.now, wake_at)
    elif not effects:
        effects = list(run.open[:1])
    arrivals = [answer(effect, failing) for effect in effects]
    if run.listens and (random.random() < 0.5 or not arrivals):
        arrivals += events(random)
    run.arrive(*arrivals, *arrivals[:1])
