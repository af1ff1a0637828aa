"""What each kind of task does when it begins: it is done at once, or it stays open and waits."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lib.dsl import cloudevents, faults, instants, retries, strategies
from lib.dsl.document import (
    Call,
    Consume,
    Do,
    Emit,
    Extended,
    For,
    Fork,
    Invoke,
    Raise,
    Set,
    Switch,
    Try,
    Wait,
)
from lib.dsl.faults import Fault
from lib.dsl.state import Frame
from lib.dsl.transforms import micros
from lib.dsl.uri_templates import expand
from lib.dsl.work import Work

# The child that a `for` lines up when its next iteration has not been agreed to yet.
NEW_ITERATION = -1


@dataclass(slots=True)
class Done:
    """A task's raw output and, where it is not the task's own `then`, what comes next."""

    output: Any
    then: str | None = None


def go_on(work: Work, frame: Frame, child: int, value: Any) -> None:
    """Lines the frame up to enter one of its children with this raw input."""
    frame = work.edit(frame)
    frame["next"] = [child, value]
    work.ready.append(frame["id"])


def _open(work: Work, frame: Frame, children: tuple[Any, ...], value: Any) -> Done | None:
    if not children:
        return Done(value)
    go_on(work, work.keep(frame), 0, value)
    return None


def _do(work: Work, body: Do, frame: Frame) -> Done | None:
    return _open(work, frame, body.tasks.tasks, frame["input"])


def _invoke(work: Work, body: Invoke, frame: Frame) -> Done | None:
    return _open(work, frame, body.tasks.tasks, work.evaluate(body.arguments, frame, frame["input"]))


def _try(work: Work, body: Try, frame: Frame) -> Done | None:
    retries.remember(work, body, frame)
    return _open(work, frame, body.tasks.tasks, frame["input"])


def _set(work: Work, body: Set, frame: Frame) -> Done:
    return Done(work.evaluate(body.value, frame, frame["input"]))


def _switch(work: Work, body: Switch, frame: Frame) -> Done:
    for condition, then in body.cases:
        if work.holds(condition, frame, frame["input"]):
            return Done(frame["input"], then)
    return Done(frame["input"], body.default)


def _raise(work: Work, body: Raise, frame: Frame) -> Done:
    error = work.evaluate(body.error, frame, frame["input"])
    raise _fault({**error, "type": expand(error["type"], frame["input"])} if body.templated else error)


def _fault(error: Any) -> Fault:
    kind, status = error.get("type"), error.get("status")
    if not isinstance(kind, str) or isinstance(status, bool) or not isinstance(status, (int, float)):
        return faults.expression("the raised error needs a text as type and a number as status")
    if status % 1:
        return faults.expression("the raised error needs a whole number as status")
    return Fault(kind, int(status), _text(error.get("title")), _text(error.get("detail")))


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _wait(work: Work, body: Wait, frame: Frame) -> Done | None:
    length = micros(work, frame, body.duration)
    if length <= 0:
        return Done(frame["input"])
    work.pure = 0
    work.keep(frame)["wake"] = work.now + length
    return None


def _call(work: Work, body: Call, frame: Frame) -> Done | None:
    work.pure = 0
    frame["open"] = True
    frame["function"] = body.function
    frame["context"] = work.context
    if body.remote:
        frame["remote"] = True
    work.keep(frame)
    work.opened.append(frame["id"])
    retries.note_attempt(work, frame)
    return None


def _emit(work: Work, body: Emit, frame: Frame) -> Done:
    defaults = {
        # the same for every retry of this visit, so that an event counts once however often it is sent
        "id": f"{work.run_id}:{frame['task']}:{frame['visit']}",
        "time": instants.describe(work.now)["iso8601"],
    }
    event = cloudevents.complete(work.evaluate(body.event, frame, frame["input"]), defaults)
    work.emitted.append(event)
    return Done(event)


def _listen(work: Work, body: Consume, frame: Frame) -> Done | None:
    work.pure = 0
    types = body.strategy.types
    frame.update(listening=True, types=None if types is None else list(types), queue=[], heard=[], busy=False, at=0)
    frame["sources"] = body.strategy.sources
    frame["progress"] = strategies.begin(body.strategy)
    work.keep(frame)
    work.tell_run("correlation-started", task=frame["task"])
    return None


def _extended(work: Work, body: Extended, frame: Frame) -> Done | None:
    """Which extensions apply is decided once, on the input and about the task that they extend."""
    frame["applies"] = [
        condition is None or work.holds(condition, frame, frame["raw"]) for condition in body.conditions
    ]
    take_step(work, body, work.keep(frame), 0)
    return None


def take_step(work: Work, body: Extended, frame: Frame, step: int) -> bool:
    """Lines up the next step at or after this one that applies; False if there is none."""
    for number in range(step, len(body.owners)):
        owner = body.owners[number]
        if owner is None or frame["applies"][owner]:
            frame = work.edit(frame)
            frame["step"] = number
            go_on(work, frame, number, frame["result"] if number > body.position else frame["raw"])
            return True
    return False


def _loop(work: Work, body: For, frame: Frame) -> Done | None:
    items = work.evaluate(body.items, frame, frame["input"])
    if not isinstance(items, list):
        raise faults.expression("`for.in` must give an array")
    if not items or not body.tasks.tasks:
        return Done(frame["input"])
    frame.update(items=items, at=0)
    go_on(work, work.keep(frame), NEW_ITERATION, frame["input"])
    return None


def _fork(work: Work, body: Fork, frame: Frame) -> Done | None:
    count = len(body.branches.tasks)
    if not count:
        return Done(None if body.compete else [])
    frame.update(outputs=[None] * count, left=count)
    go_on(work, work.keep(frame), 0, frame["input"])
    return None


# How a task with this kind of body starts; None: its frame is filed and stays open. Raises Fault.
BEGINNINGS: Mapping[type, Callable[[Work, Any, Frame], Done | None]] = {
    Call: _call,
    Consume: _listen,
    Do: _do,
    Emit: _emit,
    Extended: _extended,
    For: _loop,
    Fork: _fork,
    Invoke: _invoke,
    Raise: _raise,
    Set: _set,
    Switch: _switch,
    Try: _try,
    Wait: _wait,
}
