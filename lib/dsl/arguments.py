"""The arguments of a call: prepared when the document is compiled, evaluated when the call is made."""

from collections.abc import Mapping
from typing import Any

from lib.dsl import faults
from lib.dsl.document import Call, Document
from lib.dsl.moves import Effect
from lib.dsl.parts import Parts
from lib.dsl.scope import NOTHING, View
from lib.dsl.state import State
from lib.dsl.uri_templates import expand

# Where calls name another service: there, braces are URI templates and authentication may be a name.
ENDPOINTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "http": (("endpoint",),),
    "openapi": (("document", "endpoint"), ()),
    "mcp": (("transport", "http", "endpoint"),),
}
# And within an authentication.
AUTHORITIES = (
    ("oauth2", "authority"),
    *(("oauth2", "endpoints", name) for name in ("token", "revocation", "introspection")),
    ("oidc", "authority"),
)
# The functions of the language itself: no other can have their names.
RESERVED = frozenset({"a2a", "asyncapi", "grpc", "http", "mcp", "openapi"})
# With those of the database tool, which a document may have functions of its own instead of: it may be older than they.
BUILT_IN = RESERVED | {"ask", "embed", "recall", "remember", "sql"}
PROCESSES = ("script", "shell")
# Arguments that are words of the language, or a protocol's version: no expressions, however loosely one looks.
WORDS: Mapping[str, frozenset[str]] = {
    "mcp": frozenset({"protocolVersion"}),
    "script": frozenset({"return"}),
    "shell": frozenset({"return"}),
}


def sends(task: Mapping[str, Any]) -> bool:
    """Whether a task's arguments go straight to a service or a process, so that its input may be made of secrets."""
    run, function = task.get("run"), task.get("call")
    process = isinstance(run, Mapping) and any(name in run for name in PROCESSES)
    return process or (isinstance(function, str) and function in ENDPOINTS)


def compile_call(definition: Mapping[str, Any], parts: Parts) -> Call:
    """The call task's body; authentication that is named in `use` is put in its place."""
    function, arguments = definition["call"], definition.get("with") or {}
    paths = []
    for path in ENDPOINTS.get(function, ()):
        owner = _at(arguments, path)
        if isinstance(owner, dict):
            arguments = _put(arguments, path, _authenticated(owner, parts.use))
        paths += [path, (*path, "uri"), *((*path, "authentication", *place) for place in AUTHORITIES)]
    texts = ((path, _at(arguments, path)) for path in paths)
    templates = tuple(path for path, text in texts if isinstance(text, str) and not parts.is_live(text))
    return Call(
        function, parts.template(arguments, WORDS.get(function)), templates, input=parts.secret_input(definition)
    )


def compile_run(definition: Mapping[str, Any], namespace: str, parts: Parts) -> Call:
    """The body of a task that runs another workflow, a script or a shell command.

    A workflow without its own input gets the task's; without a namespace it is of the same one as the caller.
    """
    run = definition["run"]
    awaited = run.get("await", True)
    if "workflow" in run:
        defaults = {"namespace": namespace, "version": "latest", "input": "${ . }"}
        arguments = {**defaults, **run["workflow"], "await": awaited}
        return Call("workflow", parts.template(arguments), remote=True, awaited=awaited)
    process = next(name for name in PROCESSES if name in run)
    arguments = {**run[process], "return": run.get("return", "stdout"), "await": awaited}
    return Call(
        process, parts.template(arguments, WORDS[process]), awaited=awaited, input=parts.secret_input(definition)
    )


def resolve(document: Document, state: State, effect: Effect, *, secrets: Mapping[str, Any] = {}) -> Any:
    """The call's arguments, evaluated now so that secrets never enter the state; raises Fault."""
    frame = state.frames[effect.id]
    call = document.tasks[effect.reference].body
    assert isinstance(call, Call)  # noqa: S101  # only calls open effects
    if call.arguments.is_constant and not call.uri_templates and call.input is None:
        return call.arguments.evaluate(None, NOTHING)
    view = View(document, state, frame["context"])
    try:
        reads = call.input is not None or "secrets" in call.arguments.names
        extra = {"secrets": _allowed(document, secrets)} if reads else {}
        value = frame["input"] if call.input is None else view.evaluate(call.input, frame, frame["raw"], extra)
        arguments = view.evaluate(call.arguments, frame, value, {**extra, "input": value})
        for path in call.uri_templates:
            arguments = _put(arguments, path, expand(_at(arguments, path), value))
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


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _put(value: Any, path: tuple[str, ...], new: Any) -> Any:
    """A copy of the nested objects along the path, with the new value at its end."""
    if not path:
        return new
    return {**value, path[0]: _put(value[path[0]], path[1:], new)}
