"""Checks of `run`: other workflows, scripts and shell commands."""

from typing import Any

from lib.dsl import unsupported
from lib.dsl.checks import Checks
from lib.dsl.event_models import Script, Shell, Subflow
from lib.dsl.expressions import is_expression
from lib.dsl.models import Part
from lib.dsl.structure import describe
from lib.dsl.suggestions import did_you_mean
from lib.dsl.visibility import CALL, TASK, Scope

_KINDS = ("container", "script", "shell", "workflow")
_PROCESSES: dict[str, type[Part]] = {"script": Script, "shell": Shell}
_LANGUAGES = ("js", "javascript", "python")
SWITCHED_OFF = (
    "is switched off here: it would run foreign code on this machine"
    " (RATCHET_ALLOW_SCRIPTS=on allows it, though never on Vercel)"
)


def check_run(checks: Checks, run: dict[str, Any], pointer: str, scope: Scope, *, allow_scripts: bool) -> None:
    """The one thing that a `run` task runs."""
    kinds = [kind for kind in _KINDS if kind in run]
    if len(kinds) != 1:
        found = " and ".join(f"`{kind}`" for kind in kinds) or "none"
        checks.findings.add(pointer, f"must have one of {', '.join(_KINDS)}, but has {found}")
        return
    kind, place = kinds[0], f"{pointer}/{kinds[0]}"
    if sentence := unsupported.refusal("run", kind):
        checks.findings.add(place, sentence)
    elif kind == "workflow":
        _check_workflow(checks, run[kind], place, scope)
    else:
        if not allow_scripts:
            checks.findings.add(place, f"`run: {kind}` {SWITCHED_OFF}")
        _check_process(checks, kind, run[kind], place, scope)


def _check_workflow(checks: Checks, value: Any, pointer: str, scope: Scope) -> None:
    if not checks.findings.check(Subflow, value, pointer):
        return
    # the input becomes part of the other run's state, where no secret may be
    checks.template(value, pointer, scope, TASK)
    if "input" in value and not isinstance(value["input"], dict) and not is_expression(value["input"]):
        sentence = f"must be an object or `${{ }}`, but is {describe(value['input'])}"
        checks.findings.add(f"{pointer}/input", sentence)


def _check_process(checks: Checks, kind: str, value: Any, pointer: str, scope: Scope) -> None:
    if not checks.findings.check(_PROCESSES[kind], value, pointer):
        return
    checks.template(value, pointer, scope, CALL)
    if kind == "shell":
        return
    language = value["language"]
    if language not in _LANGUAGES and not is_expression(language):
        sentence = f"no scripts can be in `{language}`{did_you_mean(language, _LANGUAGES)}"
        checks.findings.add(f"{pointer}/language", sentence)
    if "source" in value:
        checks.findings.add(f"{pointer}/source", str(unsupported.refusal("script", "source")))
    elif "code" not in value:
        checks.findings.add(pointer, "`code` is missing")
