"""The machine: state and arrivals in, the next state and what it asks for out. No clock, no I/O, no luck."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from lib import errors
from lib.dsl import faults, instants, listening, retries
from lib.dsl.catching import throw, try_again
from lib.dsl.document import Call, Document, Try
from lib.dsl.flow import children, enter, settle, step
from lib.dsl.guard_pool import POOL
from lib.dsl.moves import Arrival, Failure, Received, Result, Transition
from lib.dsl.state import Frame, State
from lib.dsl.tasks import Done
from lib.dsl.work import Work, read_outcome

# Tasks per transition: a few hundredths of a second of computing, so that a loop never starves its host.
BUDGET = 2_000
# Where several timers of one moment are due, what is finished is finished before it is late.
TIMERS = ("wake", "deadline", "limit")
# What succeeded is kept even if something else of the same batch ends the run.
ORDER: dict[type[Arrival], int] = {Result: 0, Received: 1, Failure: 2}


def start(document: Document, *, run_id: str, input: Any, now: datetime, budget: int = BUDGET) -> Transition:
    """Enters the workflow with its input."""
    micros = instants.to_micros(now)
    work = Work(document, State(run_id, micros, input, frames={}, visits={}), micros, budget)
    enter(work, document.root, None, input)
    return _run(work)


def advance(
    document: Document,
    state: State,
    arrivals: Sequence[Arrival],
    *,
    now: datetime,
    budget: int = BUDGET,
) -> Transition:
    """Takes in the arrivals, fires the timers that are due, and goes on as far as it can.

    Arrivals for effects that are not open (any more) are ignored, so a late or doubled answer does no
    harm. Events are offered one after the other, each to every task that listens by then; those that
    none took are not among the `consumed`. A finished run stays as it is.
    """
    if state.outcome is not None:
        return Transition(state, outcome=read_outcome(state))
    work = Work(document, state, instants.to_micros(now), budget)
    for position, arrival in _in_order(arrivals):
        if isinstance(arrival, Received):
            _receive(work, position, arrival)
        else:
            _arrive(work, arrival)
    if document.timed:
        _fire(work)
    return _run(work)


def retry(document: Document, state: State, *, now: datetime, budget: int = BUDGET) -> Transition:
    """Re-enters the task that a faulted run failed at; what succeeded is not done again.

    Effects that were cancelled by the fault are opened again, with the same visit and the next attempt.
    All time limits start anew.
    """
    if state.outcome is None or "fault" not in state.outcome:
        raise errors.Conflict("Only a faulted run can be retried.")
    work = Work(document, state, instants.to_micros(now), budget)
    work.pure = 0
    failed = work.frames[state.outcome["frame"]]
    for frame in list(work.frames.values()):
        _refresh(work, frame)
    for outer in work.tries_around(failed):
        work.edit(outer).update(retries=0, began=work.now)
    work.tell("resumed", next(frame for frame in work.frames.values() if frame["parent"] is None))
    _re_enter(work, work.frames[failed["id"]])
    for frame in list(work.frames.values()):
        if work.outcome is None and frame.get("open") is False:
            _re_open(work, frame)
    return _run(work)


def wake_at(state: State) -> datetime | None:
    """The earliest moment at which a timer (wait, retry delay, timeout) has to fire."""
    if state.outcome is not None:
        return None
    moments = [frame[timer] for frame in state.frames.values() for timer in TIMERS if timer in frame]
    return instants.from_micros(min(moments)) if moments else None


def _in_order(arrivals: Sequence[Arrival]) -> Iterable[tuple[int, Arrival]]:
    """The arrivals in the order in which they count, each with its position."""
    if len(arrivals) == 1:
        return enumerate(arrivals)
    return sorted(enumerate(arrivals), key=lambda entry: ORDER[type(entry[1])])


def _run(work: Work) -> Transition:
    _go(work)
    return work.transition()


def _go(work: Work) -> None:
    losses = POOL.losses
    while work.ready and work.budget > 0 and work.outcome is None:
        frame = work.frames.get(work.ready.pop(0))
        if frame is not None and "next" in frame:
            step(work, frame)
        if POOL.losses != losses:  # an expression took all the time it may: before the next one, others go on
            work.budget = 0


def _receive(work: Work, position: int, arrival: Received) -> None:
    _go(work)  # whoever was about to listen does so, as if the event had come alone
    for id in sorted(id for id, frame in work.frames.items() if frame.get("listening")):
        frame = work.frames.get(id)
        if work.outcome is not None or frame is None or not frame["listening"]:
            continue
        if listening.hear(work, frame, arrival.event):
            if position not in work.consumed:
                work.consumed.append(position)
            settle(work, work.frames[id], listening.take_turn(work, frame))


def _arrive(work: Work, arrival: Result | Failure) -> None:
    frame = work.frames.get(arrival.effect_id)
    if work.outcome is not None or frame is None or not frame.get("open"):
        return
    if isinstance(arrival, Failure):
        frame = work.edit(frame)
        frame["open"] = False
        settle(work, frame, arrival.fault)
        return
    body = work.task_of(frame).body
    awaited = not isinstance(body, Call) or body.awaited
    work.authorization = (frame["id"], arrival.authorization)
    # the frame is about to be dropped; should it stay, because its output is not valid, the effect is closed then
    settle(work, frame, Done(arrival.output if awaited else frame["input"]))
    work.authorization = None


def _fire(work: Work) -> None:
    due = sorted(
        (frame[timer], place, id)
        for id, frame in work.frames.items()
        for place, timer in enumerate(TIMERS)
        if timer in frame and frame[timer] <= work.now
    )
    for moment, place, id in due:
        frame = work.frames.get(id)
        if work.outcome is None and frame is not None and frame.get(TIMERS[place]) == moment:
            _expire(work, work.edit(frame), TIMERS[place])


def _expire(work: Work, frame: Frame, timer: str) -> None:
    if timer == "wake":
        if isinstance(work.task_of(frame).body, Try):
            try_again(work, frame)
        else:
            settle(work, frame, Done(frame["input"]))
        return
    if timer == "deadline":
        late, allowed = frame, f"its timeout of {frame['timeout'] / 1_000_000:.15g} seconds"
    else:
        late, allowed = _child(work, frame), "the retry policy around it allows"
    fault = faults.timeout(f"The task took longer than {allowed}.").at(work.task_of(late).origin)
    around, done = throw(work, late, fault, always=True)
    if around is not None:
        settle(work, around, done)


def _child(work: Work, frame: Frame) -> Frame:
    """What a `try` is busy with: its open child, or the one it is about to enter."""
    inside = work.below(frame)
    if inside:
        return next((inner for inner in inside if not work.task_of(inner).silent), inside[0])
    child, value = frame.pop("next")
    task = children(work.task_of(frame), frame).tasks[child]
    return {
        "task": task.reference,
        "parent": frame["id"],
        "visit": work.next_visit(task),
        "started": work.now,
        "raw": value,
    }


def _refresh(work: Work, frame: Frame) -> None:
    if "timeout" in frame:
        work.edit(frame)["deadline"] = work.now + frame["timeout"]
    if "limit" in frame:
        del work.edit(frame)["limit"]


def _re_enter(work: Work, frame: Frame) -> None:
    """Does again what failed, and only that."""
    if frame["parent"] is not None:
        work.tell("retried", frame, always=True)
    if "output" in frame:
        frame = work.edit(frame)
        settle(work, frame, Done(frame.pop("output"), frame.pop("then")))
    elif "next" in frame:
        work.ready.append(frame["id"])
    elif "queue" in frame and not work.below(frame):
        settle(work, frame, listening.resume(work, frame))
    elif "wake" not in frame and not work.below(frame):
        work.drop(frame)
        enter(work, work.task_of(frame), work.parent_of(frame), frame["raw"], again=frame)


def _re_open(work: Work, frame: Frame) -> None:
    """Asks for a cancelled effect again, under a new number: an answer to the old one comes too late."""
    work.drop(frame)
    frame = work.keep({**frame, "open": True, "attempt": frame["attempt"] + 1, "started": work.now})
    work.opened.append(frame["id"])
    retries.note_attempt(work, frame)
    work.tell("started", frame, function=frame["function"])
