"""Checks of the parts that tasks and `use` share: errors and retry policies."""

import re
from typing import Any

from lib.dsl.checks import Checks
from lib.dsl.expressions import is_expression
from lib.dsl.models import Error, Retry
from lib.dsl.structure import describe
from lib.dsl.visibility import TASK, Scope

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*:.+", re.DOTALL)


def check_error(checks: Checks, value: Any, pointer: str, scope: Scope) -> None:
    """An error definition: `type` and `status`, perhaps `title` and `detail`."""
    if isinstance(value, dict) and "instance" in value:
        sentence = "`instance` is set by the runtime, to the reference of the task: remove it"
        checks.findings.add(f"{pointer}/instance", sentence)
        value = {key: part for key, part in value.items() if key != "instance"}
    if not checks.findings.check(Error, value, pointer):
        return
    if not is_expression(value["type"]) and not _URI.fullmatch(value["type"]):
        checks.findings.add(f"{pointer}/type", f"must be a URI, but is {describe(value['type'])}")
    checks.template(value, pointer, scope, TASK)


def check_retry(checks: Checks, value: Any, pointer: str, scope: Scope) -> None:
    """A retry policy, or the name of one."""
    if isinstance(value, str):
        checks.named(value, "retries", pointer)
        return
    if not checks.findings.check(Retry, value, pointer):
        return
    for name in ("when", "exceptWhen"):
        checks.expression(value.get(name), f"{pointer}/{name}", scope, TASK)
    limit = value.get("limit") or {}
    waits = [("delay", value), ("limit/duration", limit), ("limit/attempt/duration", limit.get("attempt") or {})]
    for place, owner in waits:
        name = place.rpartition("/")[2]
        if name in owner:
            checks.duration(owner[name], f"{pointer}/{place}", scope, TASK)
    if "backoff" in value and len(value["backoff"]) != 1:
        checks.findings.add(f"{pointer}/backoff", "must be one of constant, exponential or linear")
    if "jitter" in value:
        _check_jitter(checks, value["jitter"], f"{pointer}/jitter", scope)


def _check_jitter(checks: Checks, jitter: dict[str, Any], pointer: str, scope: Scope) -> None:
    least = checks.duration(jitter["from"], f"{pointer}/from", scope, TASK)
    most = checks.duration(jitter["to"], f"{pointer}/to", scope, TASK)
    if least is not None and most is not None and least > most:
        checks.findings.add(pointer, "`from` must not be longer than `to`")
