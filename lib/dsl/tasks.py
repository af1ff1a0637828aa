"""What each kind of task does when it begins: it is done at once, or it stays open and waits."""

import json
from dataclasses import dataclass
from typing import Any

from lib.dsl import faults, retries
from lib.dsl.document import Call, Do, For, Fork, Raise, Set, Switch, Try, Wait
from lib.dsl.faults import Fault
from lib.dsl.state import Frame
from lib.dsl.transforms import micros
from lib.dsl.work import Work

# The child that a `for` lines up when its next iteration has not been agreed to yet.
NEW_ITERATION = -1


@dataclass(frozen=True, slots=True)
class Done:
    """A task's raw output and, where it is not the task's own `then`, what comes next."""

    output: Any
    then: str | None = None


def begin(work: Work, frame: Frame) -> Done | None:
    """Starts the frame's task; None: the frame is filed and stays open. Raises Fault."""
    body = work.task_of(frame).body
    value = frame["input"]
    match body:
        case Set():
            return Done(work.evaluate(body.value, frame, value))
        case Switch():
            return Done(value, _choose(work, body, frame))
        case Raise():
            raise _fault(work.evaluate(body.error, frame, value))
        case Wait():
            return _wait(work, body, frame)
        case Call():
            return _call(work, body, frame)
        case Do():
            return _open(work, frame, body.tasks.tasks, value)
        case For():
            return _loop(work, body, frame)
        case Fork():
            return _fork(work, body, frame)
        case Try():
            retries.remember(work, body, frame)
            return _open(work, frame, body.tasks.tasks, value)


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


def _choose(work: Work, body: Switch, frame: Frame) -> str | None:
    for condition, then in body.cases:
        if work.holds(condition, frame, frame["input"]):
            return then
    return body.default


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
    frame.update(open=True, function=body.function, context=work.context)
    work.keep(frame)
    work.opened.append(frame["id"])
    retries.note_attempt(work, frame)
    return None


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
