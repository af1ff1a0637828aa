"""Checks of the parts that tasks and `use` share: errors, retry policies, authentication, HTTP arguments."""

import re
from typing import Any

from lib.dsl import unsupported
from lib.dsl.checks import Checks
from lib.dsl.expressions import is_expression
from lib.dsl.models import Basic, Bearer, Endpoint, Error, HttpArguments, Part, Retry, SecretName
from lib.dsl.structure import describe
from lib.dsl.suggestions import did_you_mean
from lib.dsl.visibility import CALL, TASK, Scope

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*:.+", re.DOTALL)
_SCHEMES: dict[str, type[Part]] = {"basic": Basic, "bearer": Bearer}
_SINGLE_BRACE = re.compile(r"[{}]")
_VARIABLE = re.compile(r"\{[^{}]+\}")


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


def check_authentication(checks: Checks, policy: Any, pointer: str, scope: Scope, *, named: bool) -> None:
    """An authentication policy; `named` says whether it may also be the name of one under `use`."""
    schemes = [*_SCHEMES, *sorted(unsupported.UNSUPPORTED["authentication"]), *(["use"] if named else [])]
    if not isinstance(policy, dict) or len(policy) != 1:
        found = f"an object with {len(policy)}" if isinstance(policy, dict) else describe(policy)
        checks.findings.add(pointer, f"must be an object with one of {', '.join(schemes)}, but is {found}")
        return
    scheme, details = next(iter(policy.items()))
    place = f"{pointer}/{scheme}"
    if sentence := unsupported.refusal("authentication", scheme):
        checks.findings.add(place, sentence)
    elif scheme not in schemes:
        checks.findings.add(pointer, f"unknown authentication `{scheme}`{did_you_mean(scheme, schemes)}")
    elif scheme == "use":
        if checks.findings.check(SecretName, policy, pointer):
            checks.named(details, "authentications", place)
    elif isinstance(details, dict) and "use" in details:
        if checks.findings.check(SecretName, details, place):
            checks.named(details["use"], "secrets", f"{place}/use")
    elif checks.findings.check(_SCHEMES[scheme], details, place):
        checks.template(details, place, scope, CALL)


def check_http(checks: Checks, arguments: Any, pointer: str, scope: Scope) -> None:
    """The arguments of `call: http`."""
    checks.findings.check(HttpArguments, arguments, pointer)
    if not isinstance(arguments, dict):
        return
    rest = {name: value for name, value in arguments.items() if name != "endpoint"}
    checks.template(rest, pointer, scope, CALL)
    for name in ("headers", "query"):
        if rest.get(name) is not None:
            _check_pairs(checks, rest[name], f"{pointer}/{name}")
    endpoint, place = arguments.get("endpoint"), f"{pointer}/endpoint"
    if not isinstance(endpoint, dict):
        if "endpoint" in arguments:
            _check_uri(checks, endpoint, place, scope)
    elif checks.findings.check(Endpoint, endpoint, place):
        _check_uri(checks, endpoint["uri"], f"{place}/uri", scope)
        if "authentication" in endpoint:
            place = f"{place}/authentication"
            check_authentication(checks, endpoint["authentication"], place, scope, named=True)


def _check_pairs(checks: Checks, value: Any, pointer: str) -> None:
    if not isinstance(value, dict) and not is_expression(value):
        checks.findings.add(pointer, f"must be an object or `${{ }}`, but is {describe(value)}")


def _check_uri(checks: Checks, uri: Any, pointer: str, scope: Scope) -> None:
    """An http(s) URI template like https://example.com/pets/{petId}, or an expression."""
    if is_expression(uri):
        checks.expression(uri, pointer, scope, CALL)
    elif not isinstance(uri, str):
        checks.findings.add(pointer, f"must be a URI or an object with `uri`, but is {describe(uri)}")
    elif "${" in uri:
        sentence = "`${ }` must be the whole text: write {name} for a property of the input"
        checks.findings.add(pointer, f'{sentence}, or ${{ "https://…/\\(.name)" }}')
    elif not uri.lower().startswith(("http://", "https://")):
        checks.findings.add(pointer, f"must begin with http:// or https://, but is {describe(uri)}")
    elif _SINGLE_BRACE.search(_VARIABLE.sub("", uri)):
        checks.findings.add(pointer, f"braces must stand in pairs around a name, in {describe(uri)}")
