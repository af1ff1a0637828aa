"""Random documents that always come to the same end, however often they are interrupted."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tests.engine.sql.ledger import write

type Task = dict[str, Any]

ABOUT = {"dsl": "1.0.3", "namespace": "default", "version": "1.0.0"}
CHILD = "soak-child"


def document(name: str, tasks: list[Task]) -> dict[str, Any]:
    """A document with these tasks."""
    return {"document": {**ABOUT, "name": name}, "do": tasks}


def child() -> dict[str, Any]:
    """What `run: workflow` runs: a nap, an effect, a sum."""
    return document(
        CHILD,
        [
            {"nap": {"wait": {"milliseconds": 3}}},
            {"act": {"call": "soak_act", "with": {"n": "${ $workflow.input.n }"}}},
        ],
    )


def random_document(name: str, random: Random, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Three to six tasks of these kinds, some inside each other; each adds what it came to, by its name."""
    return document(name, _tasks(random, kinds, depth=2, path="t", least=3, most=6))


def _tasks(
    random: Random, kinds: tuple[str, ...], *, depth: int, path: str, least: int = 1, most: int = 3
) -> list[Task]:
    found = []
    for place in range(random.randint(least, most)):
        own = f"{path}{place}"
        simple = tuple(kind for kind in kinds if kind not in NESTING)
        kind = random.choice(kinds if depth else simple)
        found.append({own: _MAKERS[kind](random, kinds, depth, own)})
    return found


def _act(random: Random, _kinds: tuple[str, ...], _depth: int, _path: str) -> Task:
    return {"call": "soak_act", "with": {"n": random.randrange(100)}}


def _flaky(random: Random, _kinds: tuple[str, ...], _depth: int, path: str) -> Task:
    retry = {"delay": {"milliseconds": random.randint(1, 5)}, "limit": {"attempt": {"count": 60}}}
    inner = {"call": "soak_flaky", "with": {"n": random.randrange(100)}}
    return {"try": [{f"{path}call": inner}], "catch": {"errors": {"with": {"status": 503}}, "retry": retry}}


def _caught(random: Random, _kinds: tuple[str, ...], _depth: int, path: str) -> Task:
    error = {"type": "https://soak.example/raised", "status": random.choice((400, 409))}
    after = [{f"{path}after": {"set": {"caught": "${ $error.status }"}}}]
    return {"try": [{f"{path}raise": {"raise": {"error": error}}}], "catch": {"do": after}}


def _ledger(random: Random, _kinds: tuple[str, ...], _depth: int, path: str) -> Task:
    """One line in a table, exactly once; tried again when the database was not to be had."""
    retry = {"delay": {"milliseconds": random.randint(1, 20)}, "limit": {"attempt": {"count": 200}}}
    return {"try": [{f"{path}write": write(f"{path}write")}], "catch": {"retry": retry}}


def _wait(random: Random, _kinds: tuple[str, ...], _depth: int, _path: str) -> Task:
    return {"wait": {"milliseconds": random.randint(1, 40)}, "output": {"as": "${ 1 }"}}


def _set(random: Random, _kinds: tuple[str, ...], _depth: int, _path: str) -> Task:
    return {"set": {"value": random.randrange(100), "before": "${ . | tojson | length < 100000 }"}}


def _for(random: Random, kinds: tuple[str, ...], depth: int, path: str) -> Task:
    return {
        "for": {"each": "item", "in": f"${{ [range({random.randint(1, 4)})] }}"},
        "do": _tasks(random, kinds, depth=depth - 1, path=f"{path}f", most=2),
    }


def _fork(random: Random, kinds: tuple[str, ...], depth: int, path: str) -> Task:
    branches = [
        {f"{path}b{branch}": {"do": _tasks(random, kinds, depth=depth - 1, path=f"{path}b{branch}t", most=2)}}
        for branch in range(random.randint(2, 4))
    ]
    return {"fork": {"branches": branches}}


def _talk(_random: Random, _kinds: tuple[str, ...], _depth: int, path: str) -> Task:
    """One branch says what the other waits for; runs of the same document tell their events apart by subject."""
    about = {"source": "https://soak.example", "type": f"soak.{path}", "subject": "${ $workflow.id }"}
    heard = {"one": {"with": {"type": f"soak.{path}", "subject": "${ . == $workflow.id }"}}}
    return {
        "fork": {
            "branches": [
                {f"{path}hear": {"listen": {"to": heard}, "output": {"as": '${ "heard" }'}}},
                {f"{path}say": {"emit": {"event": {"with": about}}, "output": {"as": '${ "said" }'}}},
            ]
        }
    }


def _child(random: Random, _kinds: tuple[str, ...], _depth: int, _path: str) -> Task:
    asked = {"namespace": "default", "name": CHILD, "version": "1.0.0", "input": {"n": random.randrange(100)}}
    return {"run": {"workflow": asked}}


def _race(random: Random, kinds: tuple[str, ...], depth: int, path: str) -> Task:
    """Of a write, a child, an effect and a nap the first wins; what the others were about must not count."""
    rivals = {
        "write": write(f"{path}write"),
        "child": _child(random, kinds, depth, path),
        "act": _act(random, kinds, depth, path),
        "nap": {"wait": {"milliseconds": random.randint(1, 30)}},
    }
    chosen = random.sample(sorted(rivals), random.randint(2, 4))
    branches = [{f"{path}{name}": rivals[name]} for name in chosen]
    return _whatever(path, {"fork": {"compete": True, "branches": branches}})


def _late(random: Random, kinds: tuple[str, ...], depth: int, path: str) -> Task:
    """A write, and perhaps a child, that their time limit may cut off: before, while or after they are committed."""
    tasks = [{f"{path}write": write(f"{path}write")}, {f"{path}nap": {"wait": {"milliseconds": 30}}}]
    if random.random() < 0.5:
        tasks.insert(1, {f"{path}child": _child(random, kinds, depth, path)})
    return _whatever(path, {"do": tasks, "timeout": {"after": {"milliseconds": random.randint(1, 60)}}})


def _whatever(path: str, task: Task) -> Task:
    """However this ends, it comes to the same."""
    caught = [{f"{path}after": {"set": {"ended": True}}}]
    return {"try": [{f"{path}try": task}], "catch": {"do": caught}, "output": {"as": '${ "whatever" }'}}


NESTING = ("for", "fork")
_MAKERS: Mapping[str, Callable[[Random, tuple[str, ...], int, str], Task]] = {
    "act": _act,
    "flaky": _flaky,
    "caught": _caught,
    "wait": _wait,
    "set": _set,
    "for": _for,
    "fork": _fork,
    "talk": _talk,
    "child": _child,
    "ledger": _ledger,
    "race": _race,
    "late": _late,
}
KINDS = tuple(_MAKERS)
