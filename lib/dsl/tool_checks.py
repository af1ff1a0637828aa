"""Checks of `call: ask`, `embed`, `remember` and `recall`: their arguments, as far as they are no expressions."""

from collections.abc import Callable
from typing import Any

from lib.dsl.checks import Checks
from lib.dsl.expressions import is_expression
from lib.dsl.models import Maybe, Part, Text
from lib.dsl.structure import describe
from lib.dsl.visibility import CALL, Scope


class AskArguments(Part):
    question: Text
    execute: Maybe[Any] = None


class EmbedArguments(Part):
    text: Maybe[Text] = None
    texts: Maybe[Any] = None


class RememberArguments(Part):
    collection: Text
    text: Text
    key: Maybe[Text] = None
    metadata: Maybe[Any] = None


class RecallArguments(Part):
    collection: Text
    query: Text
    limit: Maybe[Any] = None
    filter: Maybe[Any] = None


_SHAPES: dict[str, tuple[type, str]] = {
    "execute": (bool, "true or false"),
    "filter": (dict, "an object"),
    "limit": (int, "a whole number"),
    "metadata": (dict, "an object"),
    "texts": (list, "a list"),
}


def _checker(model: type[Part]) -> Callable[[Checks, Any, str, Scope], None]:
    def check(checks: Checks, arguments: Any, pointer: str, scope: Scope) -> None:
        if not checks.findings.check(model, arguments, pointer):
            return
        checks.template(arguments, pointer, scope, CALL)
        for name, (shape, words) in _SHAPES.items():
            value = arguments.get(name)
            if value is not None and not isinstance(value, shape) and not is_expression(value):
                checks.findings.add(f"{pointer}/{name}", f"must be {words} or `${{ }}`, but is {describe(value)}")
        if model is EmbedArguments and ("text" in arguments) == ("texts" in arguments):
            checks.findings.add(pointer, "takes either `text` or `texts`")

    return check


TOOL_CALLS: dict[str, Callable[[Checks, Any, str, Scope], None]] = {
    "ask": _checker(AskArguments),
    "embed": _checker(EmbedArguments),
    "recall": _checker(RecallArguments),
    "remember": _checker(RememberArguments),
}
