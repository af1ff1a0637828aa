"""Which function name leads to which coroutine."""

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

from lib.calls.context import CallContext
from lib.calls.functions import find
from lib.dsl import faults

type Call = Callable[[Any, CallContext], Awaitable[Any]]


# Module and name, imported at the first call: most requests make none, and an HTTP client is not free to import.
_FUNCTIONS: Mapping[str, tuple[str, str]] = {
    "ask": ("lib.calls.asking", "call"),
    "embed": ("lib.calls.memory", "embed"),
    "http": ("lib.calls.http", "call"),
    "mcp": ("lib.calls.mcp", "call"),
    "openapi": ("lib.calls.openapi", "call"),
    "recall": ("lib.calls.memory", "recall"),
    "remember": ("lib.calls.memory", "remember"),
    "script": ("lib.calls.processes", "script"),
    "shell": ("lib.calls.processes", "shell"),
    "sql": ("lib.calls.sql", "call"),
}


async def run(function: str, arguments: Any, context: CallContext) -> Any:
    """Do what `function` does with these arguments (the task's `with`, evaluated); raises a Fault."""
    call = _built_in(function) if function in _FUNCTIONS else _own(function)
    if call is None:
        raise faults.configuration(f"There is no function named '{function}'.")
    return await call(arguments, context)


def _built_in(function: str) -> Call:
    module, name = _FUNCTIONS[function]
    call: Call = getattr(import_module(module), name)
    return call


def _own(function: str) -> Call | None:
    found = find(function)
    return found.call if found else None


async def close() -> None:
    """Close the connections and end the processes that this event loop keeps; the next call opens new ones."""
    from lib.calls import processes, transport

    await processes.close()
    await transport.close()
