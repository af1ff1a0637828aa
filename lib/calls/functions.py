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
from typing import Any, get_type_hints

from lib.calls.context import CallContext
from lib.complaints import sum_up
from lib.dsl import faults
from lib.dsl.arguments import BUILT_IN, PROCESSES

FOLDER = "lib.functions"

_functions: dict[str, "Function"] = {}


@dataclass(frozen=True)
class Function:
    """One function under the name that documents call."""

    name: str
    run: Callable[..., Any]

    @cached_property
    def hints(self) -> dict[str, Any]:
        """What each parameter is annotated as."""
        return get_type_hints(self.run, include_extras=True)

    @cached_property
    def model(self) -> Any:
        """The parameters as a pydantic model: built at the first call, as pydantic is not free to import."""
        from pydantic import ConfigDict, create_model

        fields: dict[str, Any] = {
            parameter.name: (
                self.hints.get(parameter.name, Any),
                ... if parameter.default is parameter.empty else parameter.default,
            )
            for parameter in inspect.signature(self.run).parameters.values()
            if self.hints.get(parameter.name) is not CallContext
        }
        return create_model(self.name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields)

    def read(self, arguments: Any, context: CallContext) -> dict[str, Any]:
        """The parameters' values; raises a Fault that names what is wrong, never its value."""
        from pydantic import ValidationError

        try:
            found = self.model.model_validate({} if arguments is None else arguments)
        except ValidationError as exc:
            raise faults.validation(f"The function '{self.name}' was called wrongly: {sum_up(exc)}") from None
        given = {name: getattr(found, name) for name in type(found).model_fields}
        return given | {name: context for name, hint in self.hints.items() if hint is CallContext}

    async def call(self, arguments: Any, context: CallContext) -> Any:
        """What the function returns, as JSON; raises a Fault. One that is not async gets a thread."""
        from pydantic_core import to_jsonable_python

        values = self.read(arguments, context)
        try:
            if inspect.iscoroutinefunction(self.run):
                result = await self.run(**values)
            else:
                result = await asyncio.to_thread(self.run, **values)
            return to_jsonable_python(result)
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
