"""`call: openapi`: an operation that a description names, called over HTTP."""

import asyncio
from collections.abc import Mapping
from typing import Any

from lib.calls import descriptions, http
from lib.calls.context import CallContext
from lib.calls.parameters import place
from lib.dsl import faults

_KNOWN = frozenset({"document", "operationId", "parameters", "authentication", "output", "redirect"})


async def call(arguments: Any, context: CallContext) -> Any:
    """Fetch the description, call the operation and return its output; raises a Fault."""
    if not isinstance(arguments, Mapping) or not arguments.keys() <= _KNOWN:
        raise faults.validation("call: openapi takes " + ", ".join(sorted(_KNOWN)) + ".")
    document, name, given = (arguments.get(part) for part in ("document", "operationId", "parameters"))
    endpoint = document.get("endpoint") if isinstance(document, Mapping) else None
    url = endpoint.get("uri") if isinstance(endpoint, Mapping) else endpoint
    if not isinstance(url, str) or not isinstance(name, str) or not isinstance(given or {}, Mapping):
        raise faults.validation("document.endpoint must be a URI, operationId text, parameters an object.")
    try:
        async with asyncio.timeout(context.timeout_seconds):
            description = await descriptions.fetch(endpoint, context)
            return await http.call(to_http(description, arguments, url), context)
    except TimeoutError:
        raise faults.timeout(f"'{name}' took longer than {context.timeout_seconds:g} s.") from None


def to_http(description: Mapping[str, Any], arguments: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The operation as `call: http` takes it, by a description that came from this URL; raises a Fault."""
    operation = descriptions.find(description, arguments["operationId"], url)
    placed = place(operation, arguments.get("parameters") or {})
    endpoint = {"uri": operation.server.rstrip("/") + placed.path, "authentication": arguments.get("authentication")}
    options = {name: arguments[name] for name in ("output", "redirect") if name in arguments}
    request = {"method": operation.method, "endpoint": endpoint, "query": placed.query, "headers": placed.headers}
    return {**request, "body": placed.body, **options}
