"""Checks of calls: which function is meant, and the arguments of those of the language itself."""

from collections.abc import Callable, Container
from typing import Any

from lib.dsl import unsupported
from lib.dsl.arguments import RESERVED
from lib.dsl.call_models import McpArguments, OpenApiArguments
from lib.dsl.checks import Checks
from lib.dsl.endpoint_checks import check_authentication, check_endpoint
from lib.dsl.expressions import is_expression
from lib.dsl.models import HttpArguments
from lib.dsl.sql_checks import check_sql
from lib.dsl.structure import describe
from lib.dsl.suggestions import did_you_mean
from lib.dsl.tool_checks import TOOL_CALLS
from lib.dsl.visibility import CALL, TASK, Scope

MCP_METHODS = (
    "tools/list", "tools/call", "prompts/list", "prompts/get",
    "resources/list", "resources/read", "resources/templates/list",
)  # fmt: skip


def check_call(checks: Checks, task: dict[str, Any], pointer: str, scope: Scope, functions: Container[str]) -> bool:
    """Whether calling the function is an effect; `functions` are those at hand beside the document's own."""
    name, arguments, place = task["call"], task.get("with", {}), f"{pointer}/with"
    own = list(checks.declared("functions"))
    if name in own and name not in RESERVED:
        checks.template(task.get("with"), place, scope, TASK)
        return False
    if check := _CALLS.get(name):
        check(checks, arguments, place, scope)
    elif name in functions:
        checks.template(arguments, place, scope, CALL)
    else:
        refusal = unsupported.refusal("call", name)
        unknown = f"unknown function `{name}`{did_you_mean(name, [*_CALLS, *own])}"
        checks.findings.add(f"{pointer}/call", refusal or unknown)
    return True


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
    if "endpoint" in arguments:
        check_endpoint(checks, arguments["endpoint"], f"{pointer}/endpoint", scope)


def check_openapi(checks: Checks, arguments: Any, pointer: str, scope: Scope) -> None:
    """The arguments of `call: openapi`; whether the operation exists is known when its document is fetched."""
    if not checks.findings.check(OpenApiArguments, arguments, pointer):
        return
    rest = {name: value for name, value in arguments.items() if name not in ("document", "authentication")}
    checks.template(rest, pointer, scope, CALL)
    if "parameters" in rest:
        _check_pairs(checks, rest["parameters"], f"{pointer}/parameters")
    check_endpoint(checks, arguments["document"]["endpoint"], f"{pointer}/document/endpoint", scope)
    if "authentication" in arguments:
        check_authentication(checks, arguments["authentication"], f"{pointer}/authentication", scope, named=True)


def check_mcp(checks: Checks, arguments: Any, pointer: str, scope: Scope) -> None:
    """The arguments of `call: mcp`."""
    if not checks.findings.check(McpArguments, arguments, pointer):
        return
    rest = {name: value for name, value in arguments.items() if name not in ("transport", "timeout")}
    checks.template(rest, pointer, scope, CALL)
    method = arguments["method"]
    if method not in MCP_METHODS and not is_expression(method):
        checks.findings.add(f"{pointer}/method", f"unknown method `{method}`{did_you_mean(method, MCP_METHODS)}")
    if "timeout" in arguments:
        checks.duration(arguments["timeout"], f"{pointer}/timeout", scope, CALL)
    if "parameters" in arguments:
        _check_pairs(checks, arguments["parameters"], f"{pointer}/parameters")
    transport, place = arguments["transport"], f"{pointer}/transport"
    if "stdio" in transport:
        checks.findings.add(f"{place}/stdio", str(unsupported.refusal("mcp", "stdio")))
    elif "http" not in transport:
        checks.findings.add(place, "`http` is missing")
    else:
        http, place = transport["http"], f"{place}/http"
        check_endpoint(checks, http["endpoint"], f"{place}/endpoint", scope)
        if "headers" in http:
            checks.template(http["headers"], f"{place}/headers", scope, CALL)
            _check_pairs(checks, http["headers"], f"{place}/headers")


def _check_pairs(checks: Checks, value: Any, pointer: str) -> None:
    if not isinstance(value, dict) and not is_expression(value):
        checks.findings.add(pointer, f"must be an object or `${{ }}`, but is {describe(value)}")


_CALLS: dict[str, Callable[[Checks, Any, str, Scope], None]] = {
    "http": check_http,
    "mcp": check_mcp,
    "openapi": check_openapi,
    "sql": check_sql,
    **TOOL_CALLS,
}
