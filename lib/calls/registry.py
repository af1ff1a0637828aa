"""Which function name leads to which coroutine."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lib.calls.context import CallContext
from lib.dsl import faults

type Call = Callable[[Any, CallContext], Awaitable[Any]]


async def _http(arguments: Any, context: CallContext) -> Any:
    # Imported at the first call: most requests never make one, and an HTTP client is not free to import.
    from lib.calls.http import call

    return await call(arguments, context)


async def _openapi(arguments: Any, context: CallContext) -> Any:
    from lib.calls.openapi import call

    return await call(arguments, context)


async def _mcp(arguments: Any, context: CallContext) -> Any:
    from lib.calls.mcp import call

    return await call(arguments, context)


async def _ask(arguments: Any, context: CallContext) -> Any:
    from lib.calls.asking import call

    return await call(arguments, context)


async def _embed(arguments: Any, context: CallContext) -> Any:
    from lib.calls.memory import embed

    return await embed(arguments, context)


async def _remember(arguments: Any, context: CallContext) -> Any:
    from lib.calls.memory import remember

    return await remember(arguments, context)


async def _recall(arguments: Any, context: CallContext) -> Any:
    from lib.calls.memory import recall

    return await recall(arguments, context)


async def _sql(arguments: Any, context: CallContext) -> Any:
    from lib.calls.sql import call

    return await call(arguments, context)


async def _script(arguments: Any, context: CallContext) -> Any:
    from lib.calls.processes import script

    return await script(arguments, context)


async def _shell(arguments: Any, context: CallContext) -> Any:
    from lib.calls.processes import shell

    return await shell(arguments, context)


_FUNCTIONS: Mapping[str, Call] = {
    "ask": _ask,
    "embed": _embed,
    "http": _http,
    "mcp": _mcp,
    "openapi": _openapi,
    "recall": _recall,
    "remember": _remember,
    "script": _script,
    "shell": _shell,
    "sql": _sql,
}


async def run(function: str, arguments: Any, context: CallContext) -> Any:
    """Do what `function` does with these arguments (the task's `with`, evaluated); raises a Fault."""
    call = _FUNCTIONS.get(function) or _own(function)
    if call is None:
        raise faults.configuration(f"There is no function named '{function}'.")
    return await call(arguments, context)


def _own(function: str) -> Call | None:
    from lib.calls.functions import find

    found = find(function)
    return found.call if found else None


async def close() -> None:
    """Close the connections and end the processes that this event loop keeps; the next call opens new ones."""
    from lib.calls import processes, transport

    await processes.close()
    await transport.close()
