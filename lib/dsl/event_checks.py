"""Checks of what documents say about events: those they emit, those they listen for, those that start them."""

from typing import Any

from lib.dsl import cloudevents, cron, limits, strategies
from lib.dsl.checks import Checks
from lib.dsl.event_models import Correlation, EventFilter, Iterator, Schedule, Strategy
from lib.dsl.expressions import escape, is_expression
from lib.dsl.flow_checks import TASK_FLOW, check_flow
from lib.dsl.structure import describe
from lib.dsl.suggestions import nearest
from lib.dsl.visibility import SCHEDULE, TASK, Scope

_MODES = ("one", "any", "all")
_FOREACH_FLOW = {"output": TASK_FLOW["output"], "export": TASK_FLOW["export"]}


def check_emit(checks: Checks, task: dict[str, Any], pointer: str, scope: Scope) -> None:
    """The `emit` of a task: an event with at least a source and a type."""
    attributes, place = task["emit"]["event"]["with"], f"{pointer}/emit/event/with"
    for name in ("source", "type"):
        if name not in attributes:
            checks.findings.add(place, f"`{name}` is missing")
    _check_attributes(checks, attributes, place)
    checks.template(attributes, place, scope, TASK)


def check_listen(checks: Checks, task: dict[str, Any], pointer: str, scope: Scope) -> Scope:
    """The `listen` and `foreach` of a task; returns what the tasks inside can see."""
    check_strategy(checks, task["listen"]["to"], f"{pointer}/listen/to", scope, TASK)
    each, place = task.get("foreach"), f"{pointer}/foreach"
    if each is None or not checks.findings.check(Iterator, each, place):
        return scope
    inner = checks.loop(each, place, scope, each="item")
    check_flow(checks, each, place, inner, _FOREACH_FLOW)
    return inner


def check_strategy(
    checks: Checks, value: Any, pointer: str, scope: Scope, arguments: frozenset[str], *, inner: bool = False
) -> None:
    """An event consumption strategy; `inner` is one that stands in the `until` of another."""
    if not checks.findings.check(Strategy, value, pointer):
        return
    modes = [mode for mode in _MODES if mode in value]
    if len(modes) != 1:
        found = " and ".join(f"`{mode}`" for mode in modes) or "none"
        checks.findings.add(pointer, f"must have one of one, any and all, but has {found}")
        return
    mode = modes[0]
    filters = {f"{pointer}/one": value["one"]} if mode == "one" else _placed(value[mode], f"{pointer}/{mode}")
    if mode == "all" and not filters:
        checks.findings.add(f"{pointer}/all", "needs at least one event to wait for")
    for place, entry in filters.items():
        _check_filter(checks, entry, place, scope, arguments)
    if "until" in value:
        _check_until(checks, value["until"], f"{pointer}/until", scope, arguments, allowed=mode == "any" and not inner)


def check_schedule(checks: Checks, value: Any, pointer: str) -> None:
    """The `schedule` of a workflow."""
    if not checks.findings.check(Schedule, value, pointer):
        return
    if not value:
        checks.findings.add(pointer, "needs one of every, cron, after and on")
    for name in ("every", "after"):
        if is_expression(value.get(name)):
            checks.findings.add(f"{pointer}/{name}", "must be a fixed duration: before a run there is nothing to read")
        elif name in value:
            seconds = checks.duration(value[name], f"{pointer}/{name}", Scope(), SCHEDULE)
            if seconds == 0 and name == "every":
                checks.findings.add(f"{pointer}/every", "must be longer than nothing")
    if "cron" in value:
        try:
            cron.parse(value["cron"])
        except ValueError as exc:
            checks.findings.add(f"{pointer}/cron", str(exc))
    if "on" in value:
        check_strategy(checks, value["on"], f"{pointer}/on", Scope(), SCHEDULE)


def _check_until(
    checks: Checks, until: Any, pointer: str, scope: Scope, arguments: frozenset[str], *, allowed: bool
) -> None:
    if not allowed:
        checks.findings.add(pointer, "`until` goes with `any` only, and not inside another `until`")
    elif isinstance(until, str):
        checks.expression(until, pointer, scope, arguments)
    else:
        check_strategy(checks, until, pointer, scope, arguments, inner=True)


def _check_filter(checks: Checks, value: Any, pointer: str, scope: Scope, arguments: frozenset[str]) -> None:
    if not checks.findings.check(EventFilter, value, pointer):
        return
    attributes, place = value["with"], f"{pointer}/with"
    if not attributes:
        checks.findings.add(place, "names nothing to filter by: `any: []` takes every event")
    _check_attributes(checks, attributes, place)
    checks.template(attributes, place, scope, arguments)
    for name, correlation in value.get("correlate", {}).items():
        place = f"{pointer}/correlate/{escape(name)}"
        if not checks.findings.check(Correlation, correlation, place):
            continue
        checks.expression(correlation["from"], f"{place}/from", scope, arguments)
        if strategies.is_live(expect := correlation.get("expect", "")):
            checks.expression(expect, f"{place}/expect", scope, arguments)


def _check_attributes(checks: Checks, attributes: dict[str, Any], pointer: str) -> None:
    for name, value in attributes.items():
        known = name in cloudevents.ATTRIBUTES
        if known and is_expression(value):
            continue
        if sentence := cloudevents.complaint(name, value):
            found = f", but is {describe(value)}" if known else nearest(name, cloudevents.ATTRIBUTES)
            checks.findings.add(f"{pointer}/{escape(name)}", f"`{name}` {sentence}{found}")
        elif name in cloudevents.NAMES and (size := len(value.encode())) > limits.EVENT_NAME_BYTES:
            sentence = f"`{name}` may have at most {limits.EVENT_NAME_BYTES} bytes, but has {size}"
            checks.findings.add(f"{pointer}/{escape(name)}", sentence)


def _placed(filters: list[Any], pointer: str) -> dict[str, Any]:
    return {f"{pointer}/{position}": entry for position, entry in enumerate(filters)}
