"""What goes into the machine and what comes out of it: effects, arrivals, events, outcomes.

Results, events and transitions, which each step makes anew, are plain records: a tuple takes twice as long to make.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from lib.dsl import instants
from lib.dsl.faults import Fault
from lib.dsl.state import Frame, State


class Effect(NamedTuple):
    """Something a task asks of the world; its answer is a Result or a Failure with the same id.

    What is `remote` (another workflow) only has to be started, once; its answer comes by itself, however late.
    """

    id: int
    reference: str
    visit: int
    attempt: int
    function: str
    timeout_seconds: float | None
    started: int
    remote: bool = False

    @property
    def started_at(self) -> datetime:
        """The moment at which it was opened; `started` is the same in microseconds since 1970."""
        return instants.from_micros(self.started)


@dataclass(slots=True)
class Result:
    """The world's answer to an effect; `authorization` is the scheme and parameter it was made with, if any."""

    effect_id: int
    output: Any
    authorization: Mapping[str, str] | None = None


class Failure(NamedTuple):
    """The world's refusal of an effect."""

    effect_id: int
    fault: Fault


class Received(NamedTuple):
    """An event (CloudEvents 1.0, as JSON) for whichever task listens for it."""

    event: Mapping[str, Any]


type Arrival = Result | Failure | Received


class Listen(NamedTuple):
    """A task that waits for events; of other `types` than these it wants none (None: it may want any).

    Of a type in `sources` it wants none but those of the sources there.
    """

    id: int
    types: tuple[str, ...] | None
    sources: Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Event:
    """One line of a run's history."""

    type: str
    data: dict[str, Any]


class Completed(NamedTuple):
    """The workflow ran to its end."""

    output: Any


class Faulted(NamedTuple):
    """An error that nothing caught has halted the workflow."""

    fault: Fault


type Outcome = Completed | Faulted


@dataclass(slots=True)
class Transition:
    """One click forward: the new state and all that has to be made of it.

    `opened` are the ids of the effects that it asks for, `emitted` the events for others, `consumed` the positions of
    the arrivals that some task took in as events.
    """

    state: State
    opened: tuple[int, ...] = ()
    cancelled: tuple[int, ...] = ()
    events: tuple[Event, ...] = ()
    outcome: Outcome | None = None
    more: bool = False
    emitted: tuple[dict[str, Any], ...] = ()
    consumed: tuple[int, ...] = ()

    @property
    def effects(self) -> tuple[Effect, ...]:
        """The effects that were opened, in the order of their ids; none if the run has ended."""
        if self.state.outcome is not None:
            return ()
        frames = (self.state.frames.get(id) for id in self.opened)
        return tuple([_effect(frame) for frame in frames if frame is not None and frame.get("open")])


def open_effects(state: State) -> tuple[Effect, ...]:
    """The effects that have no answer yet, in the order of their ids: what a new holder runs again."""
    if state.outcome is not None:
        return ()
    return tuple([_effect(frame) for frame in state.frames.values() if frame.get("open")])


def _effect(frame: Frame) -> Effect:
    timeout = frame.get("timeout")
    return Effect(
        frame["id"],
        frame["task"],
        frame["visit"],
        frame["attempt"],
        frame["function"],
        None if timeout is None else timeout / 1_000_000,
        frame["started"],
        frame.get("remote", False),
    )
