"""Plays a run on the pure machine: the test is the world and owns the clock."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from lib import dsl

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

type World = Callable[[dsl.Effect, Any], Any]


def document(*tasks: dict[str, Any], **parts: Any) -> dsl.Document:
    """A document with these top-level tasks, each given as {name: task}."""
    about = {"dsl": "1.0.3", "namespace": "test", "name": "play", "version": "1.0.0"}
    return dsl.compile_document({"document": about, "do": list(tasks), **parts})


def call(**parts: Any) -> dict[str, Any]:
    """A task that calls the world."""
    with_ = {"method": "get", "endpoint": "https://example.test"} | parts.pop("with_", {})
    return {"call": "http", "with": with_, **parts}


def event(type: str = "a", data: Any = None, **attributes: Any) -> dict[str, Any]:
    """An event as it comes from outside."""
    return {"specversion": "1.0", "id": "1", "source": "/test", "type": type, "data": data, **attributes}


def _through_a_store(state: dsl.State) -> dsl.State:
    """The state as JSON text, every other list and object of it stored beside it."""
    kept: list[Any] = []
    seen = 0

    def keep(value: Any) -> int | None:
        nonlocal seen
        seen += isinstance(value, dict | list)
        if not isinstance(value, dict | list) or seen % 2:
            return None
        kept.append(value)
        return len(kept)

    text, beside = json.dumps(state.dump(keep)), json.dumps(kept)
    return dsl.State.load(json.loads(text), dict(enumerate(json.loads(beside), 1)))


class Play:
    """One run. Every state passes through JSON text, so nothing can live in memory only."""

    def __init__(self, document: dsl.Document, input: Any = None, *, now: datetime = NOON) -> None:
        self.document = document
        self.now = now
        self.events: list[dsl.Event] = []
        self.cancelled: list[int] = []
        self.emitted: list[dict[str, Any]] = []
        self.take(dsl.start(document, run_id="run-1", input=input, now=now))

    def take(self, transition: dsl.Transition) -> None:
        """Takes a transition in, as an engine would: through the store."""
        self.transition = transition
        self.state = _through_a_store(transition.state)
        assert self.state == transition.state
        self.events += transition.events
        self.cancelled += transition.cancelled
        self.emitted += transition.emitted
        if transition.more:
            self.take(dsl.advance(self.document, self.state, [], now=self.now))
        if isinstance(transition.outcome, dsl.Completed):
            assert not self.state.frames, "a finished run has nothing open"
        waits = bool(self.open or self.listens) or dsl.wake_at(self.state) is not None
        assert waits or self.transition.outcome, "the run neither ended nor waits for anything"

    @property
    def open(self) -> tuple[dsl.Effect, ...]:
        return dsl.open_effects(self.state)

    @property
    def listens(self) -> tuple[dsl.Listen, ...]:
        return dsl.open_listens(self.state)

    def effect(self, name: str) -> dsl.Effect:
        """The open effect of the task with this name."""
        return next(effect for effect in self.open if effect.reference.endswith("/" + name))

    def arrive(self, *arrivals: dsl.Arrival) -> None:
        before = self.state
        transition = dsl.advance(self.document, before, arrivals, now=self.now)
        assert transition.events or transition.state == before, "something happened, but nothing is told of it"
        self.take(transition)

    def hear(self, *events: dict[str, Any]) -> tuple[int, ...]:
        """Lets the events arrive together; returns the places of those that were taken."""
        before = self.state
        transition = dsl.advance(self.document, before, [dsl.Received(event) for event in events], now=self.now)
        assert transition.consumed or transition.state == before, "an event that nobody took has changed something"
        self.take(transition)
        return transition.consumed

    def answer(self, name: str, output: Any) -> None:
        self.arrive(dsl.Result(self.effect(name).id, output))

    def fail(self, name: str, fault: dsl.Fault) -> None:
        self.arrive(dsl.Failure(self.effect(name).id, fault))

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.arrive()

    def retry(self) -> None:
        self.take(dsl.retry(self.document, self.state, now=self.now))

    def resolve(self, name: str, **secrets: Any) -> Any:
        return dsl.resolve(self.document, self.state, self.effect(name), secrets=secrets)

    @property
    def output(self) -> Any:
        outcome = self.transition.outcome
        assert isinstance(outcome, dsl.Completed), outcome
        return outcome.output

    @property
    def fault(self) -> dsl.Fault:
        outcome = self.transition.outcome
        assert isinstance(outcome, dsl.Faulted), outcome
        return outcome.fault

    def told(self, *names: str) -> list[tuple[str, str]]:
        """What happened to which task, by the task's own name; only the named happenings."""
        found = []
        for event in self.events:
            _, _, scope, what, _ = event.type.split(".")
            name = event.data.get("task", "workflow").rsplit("/", 1)[-1]
            if not names or what in names:
                found.append((what, name if scope == "task" else "workflow"))
        return found

    def order(self) -> list[str]:
        """The names of the tasks in the order they were started."""
        return [name for _, name in self.told("started") if name != "workflow"]

    def run(self, world: World | None = None) -> "Play":
        """Plays on to the end: answers every effect, else lets the time pass to the next timer."""
        while self.transition.outcome is None:
            if self.open:
                effect = self.open[0]
                answer = world(effect, dsl.resolve(self.document, self.state, effect)) if world else None
                self.arrive(
                    dsl.Failure(effect.id, answer) if isinstance(answer, dsl.Fault) else dsl.Result(effect.id, answer)
                )
            else:
                wake_at = dsl.wake_at(self.state)
                assert wake_at is not None
                self.now = max(self.now, wake_at)
                self.arrive()
        return self


def play(document: dsl.Document, input: Any = None, world: World | None = None) -> Play:
    """The finished run of a document."""
    return Play(document, input).run(world)
