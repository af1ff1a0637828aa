"""What goes into the machine and what comes out of it: effects, arrivals, events, outcomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lib.dsl.faults import Fault
from lib.dsl.state import State


@dataclass(frozen=True, slots=True)
class Effect:
    """Something a task asks of the world; its answer is a Result or a Failure with the same id.

    What is `remote` (another workflow) only has to be started, once; its answer comes by itself, however late.
    """

    id: int
    reference: str
    visit: int
    attempt: int
    function: str
    timeout_seconds: float | None
    started_at: datetime
    remote: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The world's answer to an effect; `authorization` is the scheme and parameter it was made with, if any."""

    effect_id: int
    output: Any
    authorization: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The world's refusal of an effect."""

    effect_id: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Received:
    """An event (CloudEvents 1.0, as JSON) for whichever task listens for it."""

    event: Mapping[str, Any]


type Arrival = Result | Failure | Received


@dataclass(frozen=True, slots=True)
class Listen:
    """A task that waits for events; of other `types` than these it wants none (None: it may want any).

    Of a type in `sources` it wants none but those of the sources there.
    """

    id: int
    types: tuple[str, ...] | None
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)


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
    """One click forward: the new state and all that has to be made of it.

    `emitted` are the events for others, `consumed` the positions of the arrivals that some task took in as events.
    """

    state: State
    effects: tuple[Effect, ...] = ()
    cancelled: tuple[int, ...] = ()
    events: tuple[Event, ...] = ()
    outcome: Outcome | None = None
    more: bool = False
    emitted: tuple[dict[str, Any], ...] = ()
    consumed: tuple[int, ...] = ()
