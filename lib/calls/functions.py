"""The user's own functions, by name: what `@function` marks in the modules of `lib/functions`.

Rule: a function gets nothing it did not declare. Its parameters are checked with pydantic before it is called; one
that is annotated as CallContext is told about its effect, whose idempotency key makes a repeated call harmless.
"""

import asyncio
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from lib.calls.context import CallContext
from lib.dsl import faults
from lib.dsl.arguments import BUILT_IN, PROCESSES

if TYPE_CHECKING:
    from lib.calls.signature import Signature

FOLDER = "lib.functions"

_functions: dict[str, "Function"] = {}


@dataclass(frozen=True)
class Function:
    """One function under the name that documents call."""

    name: str
    run: Callable[..., Any]

    @cached_property
    def signature(self) -> "Signature":
        """What it takes and returns: looked at when it is first called."""
        from lib.calls.signature import Signature

        return Signature(self.name, self.run)

    @cached_property
    def is_async(self) -> bool:
        """Whether it is a coroutine; one that is not gets a thread."""
        return inspect.iscoroutinefunction(self.run)

    async def call(self, arguments: Any, context: CallContext) -> Any:
        """What the function returns, as JSON; raises a Fault."""
        values = self.signature.read(arguments, context)
        try:
            result = await (self.run(**values) if self.is_async else asyncio.to_thread(self.run, **values))
            return self.signature.write(result)
        except faults.Fault:
            raise
        except Exception as exc:
            raise faults.runtime(f"The function '{self.name}' failed: {type(exc).__name__}: {exc}"[:500]) from exc


def function[**P, R](run: Callable[P, R]) -> Callable[P, R]:
    """Let documents call this function by its name, with its parameters as `with`."""
    name = run.__name__
    if name in BUILT_IN or name in (*PROCESSES, "workflow"):
        raise ValueError(f"`{name}` is a function of the language: choose another name")
    if name in _functions and _functions[name].run.__module__ != run.__module__:
        raise ValueError(f"there are two functions called `{name}`: choose another name")
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    if any(parameter.kind not in named for parameter in inspect.signature(run).parameters.values()):
        raise ValueError(f"`{name}` has parameters without a name: documents pass every one by name")
    _functions[name] = Function(name, run)
    return run


def names() -> Iterable[str]:
    """The names of all functions there are."""
    load()
    return _functions.keys()


def find(name: str) -> Function | None:
    """The function of this name."""
    load()
    return _functions.get(name)


@cache
def load() -> None:
    """Import every module of the folder, once."""
    for module in pkgutil.iter_modules(importlib.import_module(FOLDER).__path__):
        importlib.import_module(f"{FOLDER}.{module.name}")
