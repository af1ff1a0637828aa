"""What a `listen` does with events: takes those it wants, has each one processed in turn, and ends."""

from collections.abc import Mapping
from typing import Any

from lib.dsl import cloudevents, faults, limits, strategies
from lib.dsl.document import Consume
from lib.dsl.faults import Fault
from lib.dsl.moves import Listen
from lib.dsl.state import Frame, State
from lib.dsl.tasks import Done, go_on
from lib.dsl.transforms import shape
from lib.dsl.work import Work


def open_listens(state: State) -> tuple[Listen, ...]:
    """The tasks that wait for events now, in the order in which an event is offered to them."""
    if state.outcome is not None:
        return ()
    return tuple([_listen(frame) for frame in state.frames.values() if frame.get("listening")])


def hear(work: Work, frame: Frame, event: Mapping[str, Any]) -> bool:
    """Whether the task takes the event; what it now has to do is up to `take_turn`."""
    body = _body(work, frame)
    place = strategies.Place(lambda template, value: work.evaluate(template, frame, value), frame["input"])
    offer = strategies.offer(body.strategy, frame["progress"], event, place)
    if offer is None:
        return False
    frame = work.edit(frame)
    frame.update(progress=offer.progress, listening=not offer.done)
    if offer.wanted:
        frame["queue"] = [*frame["queue"], cloudevents.read(event, body.read)]
    work.pure = 0
    work.tell("consumed", frame, event=cloudevents.outline(event))
    return True


def take_turn(work: Work, frame: Frame) -> Done | Fault | None:
    """Processes what is queued as far as that goes at once; Done when nothing more is to come."""
    body = _body(work, frame)
    frame = work.edit(frame)
    if len(frame["queue"]) + len(frame["heard"]) > limits.LISTENED_EVENTS:
        return faults.runtime(f"a `listen` may hold at most {limits.LISTENED_EVENTS} events")
    while frame["queue"] and not frame["busy"]:
        if body.tasks.tasks:
            frame["busy"] = True
            go_on(work, frame, 0, frame["queue"][0])
        elif (fault := _finish(work, frame, body, frame["queue"][0])) is not None:
            return fault
    return None if frame["listening"] or frame["queue"] else _end(work, frame)


def item_done(work: Work, frame: Frame, value: Any, *, ends: bool = False) -> Done | Fault | None:
    """Goes on after the tasks of `foreach` are done with an event; `ends`: they ended the workflow."""
    frame = work.edit(frame)
    frame["busy"] = False
    fault = _finish(work, frame, _body(work, frame), value)
    if fault is not None:
        return fault
    return Done(frame["heard"], "end") if ends else take_turn(work, frame)


def resume(work: Work, frame: Frame) -> Done | Fault | None:
    """Goes on where a fault of the task itself stopped it; nothing that was heard is lost."""
    if "processed" in frame:
        return item_done(work, frame, frame["processed"])
    return take_turn(work, frame)


def _finish(work: Work, frame: Frame, body: Consume, value: Any) -> Fault | None:
    """Adds what has become of the first event in the queue to the results."""
    frame["processed"] = value
    try:
        output = shape(work, frame, value, body.output, body.export)
        heard = frame["heard"] if body.strategy.endless else [*frame["heard"], output]
        until = body.strategy.until
        enough = until is not None and work.holds(until, frame, heard)
    except Fault as fault:
        return fault
    del frame["processed"]
    frame.update(heard=heard, queue=[] if enough else frame["queue"][1:], at=frame["at"] + 1)
    if enough:
        frame["listening"] = False
    return None


def _end(work: Work, frame: Frame) -> Done:
    work.tell_run("correlation-completed", task=frame["task"], correlationKeys=frame["progress"]["keys"])
    return Done(frame["heard"])


def _body(work: Work, frame: Frame) -> Consume:
    body = work.task_of(frame).body
    assert isinstance(body, Consume)  # noqa: S101  # asked about `listen` frames only
    return body


def _listen(frame: Mapping[str, Any]) -> Listen:
    types = frame["types"]
    sources = frame.get("sources", {})  # a state of the release before has none
    return Listen(frame["id"], None if types is None else tuple(types), sources)
