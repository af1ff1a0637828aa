"""Events that start workflows: what has come of `schedule.on` so far, and whether it is time for a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.dsl import strategies
from lib.dsl.document import Document
from lib.dsl.expressions import Template
from lib.dsl.faults import Fault
from lib.dsl.scope import RUNTIME


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is to be kept for the next event (JSON, or None), and the input of a run that starts now, if one does."""

    kept: Any
    input: list[dict[str, Any]] | None


def gather(document: Document, kept: Any, event: Mapping[str, Any]) -> Gathered | None:
    """What an event means to the document's `schedule.on`, after what was kept before; None: it is not wanted.

    The input of a run is the array of the events that started it, whole; a broken `until` counts as not met.
    """
    strategy = None if document.schedule is None else document.schedule.on
    if strategy is None:
        return None
    progress, events = (kept["progress"], kept["events"]) if kept else (strategies.begin(strategy), [])
    offer = strategies.offer(strategy, progress, event, strategies.Place(_evaluate))
    if offer is None:
        return None
    events = [*events, dict(event)] if offer.wanted else events
    if offer.done or (strategy.until is not None and offer.wanted and _holds(strategy.until, events)):
        return Gathered(None, events)
    return Gathered({"progress": offer.progress, "events": events}, None)


def _evaluate(template: Template, value: Any) -> Any:
    return template.evaluate(value, {"runtime": RUNTIME})


def _holds(condition: Template, events: list[dict[str, Any]]) -> bool:
    try:
        return _evaluate(condition, events) not in (None, False)
    except Fault:
        return False
