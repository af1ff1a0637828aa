"""Where a fault ends up: at the `try` that catches it, or at the end of the run."""

from typing import Any

from lib.dsl import retries
from lib.dsl.document import Try
from lib.dsl.faults import Fault
from lib.dsl.moves import Faulted
from lib.dsl.state import Frame
from lib.dsl.tasks import Done, go_on
from lib.dsl.work import Work

type Path = list[tuple[Frame, Fault]]


def throw(work: Work, frame: Frame, fault: Fault, *, always: bool = False) -> tuple[Frame | None, Done | None]:
    """Carries a fault outwards from its frame; returns the `try` that is done with it, and its result.

    Nothing is dropped before it is known who catches, because an uncaught fault keeps every frame
    for `retry`. `always` tells of the fault whatever a loop has told before.
    """
    path: Path = [(frame, fault)]
    outer = work.parent_of(frame)
    while outer is not None:
        decision = None
        if isinstance(work.task_of(outer).body, Try):
            try:
                decision = retries.decide(work, outer, fault)
            except Fault as broken:
                fault = broken.at(outer["task"])
        if decision is not None:
            _tell_faulted(work, path, always)
            return _handle(work, outer, decision, path)
        path.append((outer, fault))
        outer = work.parent_of(outer)
    _end(work, path, always)
    return None, None


def halt(work: Work, frame: Frame, fault: Fault) -> None:
    """Ends the run with a fault that no `try` may catch."""
    path: Path = [(frame, fault)]
    while (outer := work.parent_of(path[-1][0])) is not None:
        path.append((outer, fault))
    _end(work, path, True)


def try_again(work: Work, frame: Frame) -> None:
    """Begins the next try of a `try` whose delay is over."""
    frame = work.edit(frame)
    waited = frame.pop("wake", None) is not None
    data = {"attempt": frame["retries"] + 1, "delay_seconds": frame.pop("delay") / 1_000_000}
    work.tell("retried", frame, always=waited, **data)
    within = frame.pop("within")
    if within is not None:
        frame["limit"] = work.now + within
    go_on(work, frame, 0, frame["input"])


def _handle(work: Work, frame: Frame, decision: retries.Decision, path: Path) -> tuple[Frame | None, Done | None]:
    work.cancel_below(frame, {inner["id"] for inner, _ in path if "id" in inner})
    frame = work.edit(frame)
    frame.pop("limit", None)
    if decision.delay is not None:
        retries.take_back(work, frame)
        frame.update(delay=decision.delay, within=decision.within)
        if decision.delay > 0:
            frame["wake"] = work.now + decision.delay
        else:
            try_again(work, frame)
        return None, None
    frame.update(phase="catch", error=path[-1][1].to_json())
    body = work.task_of(frame).body
    assert isinstance(body, Try)  # noqa: S101  # only those catch
    if body.catch.tasks is None:
        return frame, Done(frame["input"])
    go_on(work, frame, 0, frame["input"])
    return None, None


def _end(work: Work, path: Path, always: bool) -> None:
    """Halts the run; every frame stays, but what is under way is of no use any more."""
    _tell_faulted(work, path, always)
    failed = path[0][0]
    if "id" not in failed:
        work.keep(failed)
    for id in sorted(work.frames):
        frame = work.frames[id]
        if frame.get("open"):
            work.cancel_effect(frame)
            if id != failed["id"]:
                work.tell("cancelled", frame)
    work.failed_id = failed["id"]
    work.outcome = Faulted(path[-1][1])


def _tell_faulted(work: Work, path: Path, always: bool) -> None:
    for place, (frame, fault) in enumerate(path):
        work.tell("faulted", frame, always=always and place == 0, error=_outline(fault))


def _outline(fault: Fault) -> dict[str, Any]:
    """The fault for the history: without its detail, which may quote the run's data."""
    return {name: value for name, value in fault.to_json().items() if name != "detail"}
