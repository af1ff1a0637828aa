"""What goes into the machine and what comes out of it: effects, arrivals, events, outcomes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib.dsl.faults import Fault
from lib.dsl.state import State


@dataclass(frozen=True, slots=True)
class Effect:
    """Something a task asks of the world; its answer is a Result or a Failure with the same id."""

    id: int
    reference: str
    visit: int
    attempt: int
    function: str
    timeout_seconds: float | None
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """The world's answer to an effect."""

    effect_id: int
    output: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """The world's refusal of an effect."""

    effect_id: int
    fault: Fault


type Arrival = Result | Failure


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a run's history."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Completed:
    """The workflow ran to its end."""

    output: Any


@dataclass(frozen=True, slots=True)
class Faulted:
    """An error that nothing caught has halted the workflow."""

    fault: Fault


type Outcome = Completed | Faulted


@dataclass(frozen=True, slots=True)
class Transition:
    """One click forward: the new state and all that has to be made of it."""

    state: State
    effects: tuple[Effect, ...] = ()
    cancelled: tuple[int, ...] = ()
    events: tuple[Event, ...] = ()
    outcome: Outcome | None = None
    more: bool = False
