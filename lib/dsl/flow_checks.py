"""Checks of the data flow of tasks and workflows: `input`, `output`, `export`, and their schemas."""

from typing import Any

from lib.dsl import schemas, visibility
from lib.dsl.call_models import Resource
from lib.dsl.checks import Checks
from lib.dsl.endpoint_checks import check_endpoint
from lib.dsl.models import Export, Input, Output, Part, Schema
from lib.dsl.visibility import Scope

WORKFLOW_FLOW = {"input": visibility.WORKFLOW_INPUT, "output": visibility.WORKFLOW_OUTPUT}
TASK_FLOW = {"input": visibility.TASK_INPUT, "output": visibility.TASK, "export": visibility.EXPORT}
CALL_FLOW = {**TASK_FLOW, "input": visibility.CALL_INPUT}

_FLOW: dict[str, type[Part]] = {"input": Input, "output": Output, "export": Export}
_NO_INPUT = "is fetched at publishing, when there is no input: the URI must be given as it is"


def check_flow(
    checks: Checks, owner: dict[str, Any], pointer: str, scope: Scope, arguments: dict[str, frozenset[str]]
) -> None:
    """The data flow of a task or workflow; `arguments` says what each part of it sees."""
    for part, seen in arguments.items():
        model: type[Part] = _FLOW[part]
        value, place = owner.get(part), f"{pointer}/{part}"
        if value is None or not checks.findings.check(model, value, place):
            continue
        key = "from" if part == "input" else "as"
        if key in value:
            checks.value_or_expression(value[key], f"{place}/{key}", scope, seen)
        if "schema" in value:
            check_schema(checks, value["schema"], f"{place}/schema")


def check_schema(checks: Checks, value: Any, pointer: str) -> None:
    """A `schema:` object that is well-formed and compiles, unless it is still elsewhere and may be."""
    if not checks.findings.check(Schema, value, pointer):
        return
    if "resource" in value and not _check_resource(checks, value["resource"], f"{pointer}/resource"):
        return
    if checks.unfetched and schemas.is_missing(value):
        return
    try:
        schemas.compile_schema(value)
    except schemas.SchemaError as exc:
        checks.findings.add(pointer, str(exc))


def _check_resource(checks: Checks, resource: Any, pointer: str) -> bool:
    if not checks.findings.check(Resource, resource, pointer):
        return False
    endpoint, place = resource["endpoint"], f"{pointer}/endpoint"
    known = len(checks.findings.problems)
    uri = endpoint.get("uri") if isinstance(endpoint, dict) else endpoint
    if isinstance(uri, str) and "{" in uri:
        checks.findings.add(place, _NO_INPUT)
    else:
        check_endpoint(checks, endpoint, place, Scope())
    return len(checks.findings.problems) == known
