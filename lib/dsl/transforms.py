"""A value's way into a task, out of it and into the context, in the order the DSL prescribes."""

from typing import Any

from lib.dsl import durations, faults
from lib.dsl.document import Duration, Task, Transform
from lib.dsl.schemas import Schema
from lib.dsl.state import Frame
from lib.dsl.work import Work


def take_in(work: Work, task: Task, frame: Frame) -> None:
    """Checks the raw input, then makes the task's input of it."""
    transform = task.input
    value = frame["raw"]
    if transform is not None:
        _check(transform.schema, value, "input")
        if transform.template is not None:
            value = work.evaluate(transform.template, frame, value)
    frame["input"] = value


def shape(work: Work, frame: Frame, raw: Any, output: Transform | None, export: Transform | None) -> Any:
    """The value as `output` wants it, checked; what `export` makes of that becomes the context."""
    value = raw
    if output is not None:
        if output.template is not None:
            value = work.evaluate(output.template, {**frame, "output": raw}, raw)
        _check(output.schema, value, "output")
    if export is not None:
        context = work.context
        if export.template is not None:
            context = work.evaluate(export.template, {**frame, "output": raw}, value, {"output": value})
        _check(export.schema, context, "exported context")
        work.context = context
    return value


def micros(work: Work, frame: Frame, duration: Duration) -> int:
    """A duration's length in microseconds, evaluated on the task's input where it is an expression."""
    if isinstance(duration, (int, float)):
        return round(duration * 1_000_000)
    text = work.evaluate(duration, frame, frame["input"])
    try:
        return round(durations.seconds(text) * 1_000_000)
    except (ValueError, TypeError) as error:
        raise faults.expression(f"{text!r} is not a duration") from error


def _check(schema: Schema | None, value: Any, what: str) -> None:
    if schema is None:
        return
    mistakes = schema.errors(value)
    if mistakes:
        places = "; ".join(f"{mistake['pointer'] or '/'}: {mistake['detail']}" for mistake in mistakes)
        raise faults.validation(f"The {what} is not valid: {places}")
