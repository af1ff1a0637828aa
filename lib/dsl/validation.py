"""Everything that can be known to be wrong with a workflow before it runs, each with its place and a sentence."""

import json
from collections.abc import Container, Iterator
from typing import Any

from lib import json_text
from lib.dsl import limits, unsupported
from lib.dsl.call_models import Catalog
from lib.dsl.checks import Checks
from lib.dsl.components import check_error, check_retry
from lib.dsl.endpoint_checks import check_authentication, check_endpoint
from lib.dsl.event_checks import check_schedule
from lib.dsl.expansion import Expansion, ExpansionError
from lib.dsl.expressions import escape
from lib.dsl.flow_checks import WORKFLOW_FLOW, check_flow
from lib.dsl.models import Timeout, Workflow
from lib.dsl.structure import Findings, describe
from lib.dsl.tasklists import TaskLists
from lib.dsl.visibility import TASK, WORKFLOW_INPUT, Scope


def validate(
    definition: Any,
    *,
    longest_effect_seconds: float,
    allow_scripts: bool = False,
    functions: Container[str] = (),
    unfetched: bool = False,
) -> list[dict[str, str]]:
    """All problems of the document, as JSON pointer and sentence; empty if it can be published.

    An `unfetched` document is judged before publishing has fetched its schemas.
    """
    findings = Findings()
    if _is_readable(findings, definition):
        findings.check(Workflow, definition, "")
        use = definition.get("use")
        evaluate = definition.get("evaluate")
        loose = isinstance(evaluate, dict) and evaluate.get("mode") == "loose"
        checks = Checks(findings, use if isinstance(use, dict) else {}, loose=loose, unfetched=unfetched)
        _check_workflow(checks, definition)
        tasks = TaskLists(checks, longest_effect_seconds, allow_scripts=allow_scripts, functions=functions)
        if isinstance(definition.get("do"), list):
            tasks.walk(definition["do"], "/do", Scope())
        tasks.functions()
        tasks.extensions()
        _check_use(checks, Scope(frozenset(checks.variables)))
    if not findings.problems:
        _check_size(findings, definition)
    return findings.problems


def _check_size(findings: Findings, definition: dict[str, Any]) -> None:
    """What functions and extensions make of a document that is right in all else."""
    try:
        Expansion(definition).check()
    except ExpansionError as exc:
        findings.add(exc.pointer, str(exc))


def _is_readable(findings: Findings, definition: Any) -> bool:
    """Whether the document is an object within the limits; nothing else is looked at if it is not."""
    if not isinstance(definition, dict):
        findings.add("", f"a workflow must be an object, but is {describe(definition)}")
    elif json_text.is_deeper_than(limits.DOCUMENT_DEPTH, definition):
        findings.add("", f"a document may be nested at most {limits.DOCUMENT_DEPTH} levels deep")
    elif len(text := json.dumps(definition)) > limits.DOCUMENT_BYTES:
        findings.add("", f"a document may have at most {limits.DOCUMENT_BYTES} bytes as JSON, this has {len(text)}")
    elif "\\u" in text:
        for pointer in _find_unstorable(definition, ""):
            findings.add(pointer, "holds \\u0000 or half of a surrogate pair, which cannot be stored")
    return not findings.problems


def _find_unstorable(value: Any, pointer: str) -> Iterator[str]:
    """Where texts stand that no database can hold; a name counts as part of its object."""
    if isinstance(value, str):
        if limits.UNSTORABLE.search(value):
            yield pointer
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _find_unstorable(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        if any(map(limits.UNSTORABLE.search, value)):
            yield pointer
        for name, member in value.items():
            yield from _find_unstorable(member, f"{pointer}/{escape(name)}")


def _check_workflow(checks: Checks, definition: dict[str, Any]) -> None:
    """The parts of the document that are neither tasks nor `use`."""
    evaluate = definition.get("evaluate")
    for name, value in evaluate.items() if isinstance(evaluate, dict) else ():
        if name == "language" and value != "jq" and (sentence := unsupported.refusal("evaluate", name)):
            checks.findings.add(f"/evaluate/{name}", sentence)
    if "schedule" in definition:
        check_schedule(checks, definition["schedule"], "/schedule")
    check_flow(checks, definition, "", Scope(), WORKFLOW_FLOW)
    checks.timeout(definition.get("timeout"), "/timeout", Scope(), WORKFLOW_INPUT)


def _check_use(checks: Checks, scope: Scope) -> None:
    """The reusable parts; their expressions may name every loop and catch variable of the document."""
    for _, pointer, value in checks.entries("catalogs"):
        if checks.findings.check(Catalog, value, pointer):
            check_endpoint(checks, value["endpoint"], f"{pointer}/endpoint", Scope())
    for _, pointer, value in checks.entries("errors"):
        check_error(checks, value, pointer, scope)
    for _, pointer, value in checks.entries("retries"):
        check_retry(checks, value, pointer, scope)
    for _, pointer, value in checks.entries("timeouts"):
        if checks.findings.check(Timeout, value, pointer):
            checks.duration(value["after"], f"{pointer}/after", scope, TASK)
    for _, pointer, value in checks.entries("authentications"):
        check_authentication(checks, value, pointer, scope, named=False)
