"""The arguments of a call: prepared when the document is compiled, evaluated when the call is made."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from lib.dsl import faults
from lib.dsl.document import Call, Document
from lib.dsl.moves import Effect
from lib.dsl.parts import Parts
from lib.dsl.scope import NOTHING, View
from lib.dsl.state import State

# Where calls name another service: there, braces are URI templates and authentication may be a name.
ENDPOINTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "http": (("endpoint",),),
    "openapi": (("document", "endpoint"), ()),
    "mcp": (("transport", "http", "endpoint"),),
}
AUTHORITIES = ("oauth2", "oidc")
# The functions of the language itself, and those of the database tool: no other can have their names.
BUILT_IN = frozenset({"a2a", "ask", "asyncapi", "embed", "grpc", "http", "mcp", "openapi", "recall", "remember", "sql"})
PROCESSES = ("script", "shell")
VARIABLE = re.compile(r"\{([^{}]+)\}")


def compile_call(definition: Mapping[str, Any], parts: Parts) -> Call:
    """The call task's body; authentication that is named in `use` is put in its place."""
    function, arguments = definition["call"], definition.get("with") or {}
    paths = []
    for path in ENDPOINTS.get(function, ()):
        owner = _at(arguments, path)
        if isinstance(owner, dict):
            arguments = _put(arguments, path, _authenticated(owner, parts.use))
        paths += [path, (*path, "uri"), *((*path, "authentication", scheme, "authority") for scheme in AUTHORITIES)]
    texts = ((path, _at(arguments, path)) for path in paths)
    templates = tuple(path for path, text in texts if isinstance(text, str) and not parts.is_live(text))
    return Call(function, parts.template(arguments), templates)


def compile_run(run: Mapping[str, Any], namespace: str, parts: Parts) -> Call:
    """The body of a task that runs another workflow, a script or a shell command.

    A workflow without its own input gets the task's; without a namespace it is of the same one as the caller.
    """
    awaited = run.get("await", True)
    if "workflow" in run:
        defaults = {"namespace": namespace, "version": "latest", "input": "${ . }"}
        arguments = {**defaults, **run["workflow"], "await": awaited}
        return Call("workflow", parts.template(arguments), remote=True, awaited=awaited)
    process = next(name for name in PROCESSES if name in run)
    arguments = {**run[process], "return": run.get("return", "stdout"), "await": awaited}
    return Call(process, parts.template(arguments), awaited=awaited)


def resolve(document: Document, state: State, effect: Effect, *, secrets: Mapping[str, Any] = {}) -> Any:
    """The call's arguments, evaluated now so that secrets never enter the state; raises Fault."""
    frame = state.frames[effect.id]
    call = document.tasks[effect.reference].body
    assert isinstance(call, Call)  # noqa: S101  # only calls open effects
    if call.arguments.is_constant and not call.uri_templates:
        return call.arguments.evaluate(None, NOTHING)
    view = View(document, state, frame["context"])
    try:
        extra = {"secrets": _allowed(document, secrets)} if "secrets" in call.arguments.names else {}
        arguments = view.evaluate(call.arguments, frame, frame["input"], extra)
        for path in call.uri_templates:
            arguments = _put(arguments, path, _expand(_at(arguments, path), frame["input"]))
    except faults.Fault as fault:
        raise fault.at(effect.reference) from None
    return arguments


def _allowed(document: Document, secrets: Mapping[str, Any]) -> dict[str, Any]:
    """The declared secrets; one that is missing is as good as forbidden."""
    for name in document.secrets:
        if name not in secrets:
            raise faults.authorization(f"the secret '{name}' does not exist or may not be read")
    return {name: secrets[name] for name in document.secrets}


def _authenticated(endpoint: dict[str, Any], use: Mapping[str, Any]) -> dict[str, Any]:
    """The endpoint with the authentication, or the secret, that it only names."""
    policy = endpoint.get("authentication")
    if not isinstance(policy, dict):
        return endpoint
    if "use" in policy:
        policy = use["authentications"][policy["use"]]
    found = {
        scheme: "${ $secrets[" + _quoted(details["use"]) + "] }"
        if isinstance(details, dict) and "use" in details
        else details
        for scheme, details in policy.items()
    }
    return {**endpoint, "authentication": found}


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _expand(template: str, value: Any) -> str:
    """RFC 6570 simple expansion with the top-level properties of the task's input."""

    def text(match: re.Match[str]) -> str:
        name = match.group(1)
        found = value.get(name) if isinstance(value, dict) else None
        if isinstance(found, (dict, list)):
            raise faults.expression(f"'{name}' is not a text, number or boolean, so no URI can hold it")
        if found is None:
            return ""
        plain = str(found).lower() if isinstance(found, bool) else str(found)
        return quote(plain, safe="")

    return VARIABLE.sub(text, template)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _put(value: Any, path: tuple[str, ...], new: Any) -> Any:
    """A copy of the nested objects along the path, with the new value at its end."""
    if not path:
        return new
    return {**value, path[0]: _put(value[path[0]], path[1:], new)}
