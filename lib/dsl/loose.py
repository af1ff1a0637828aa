"""`evaluate.mode: loose`: any text is tried as an expression, and stays the text it is where that fails."""

from collections.abc import Container, Mapping
from typing import Any

from lib.dsl import expressions
from lib.dsl.expressions import Expression, ExpressionSyntaxError, Template, is_expression
from lib.dsl.faults import STANDARD, Fault


def compile_template(value: Any, words: Container[str] = ()) -> Template:
    """Any JSON value whose texts are expressions, if they can be; what is in `${ }` has to be one.

    What an object has under one of the `words` is itself.
    """
    if isinstance(value, str):
        return expressions.compile_template(value) if is_expression(value) else _text(value)
    if isinstance(value, dict):
        return _object(
            {
                key: expressions.compile_template(child) if key in words else compile_template(child)
                for key, child in value.items()
            }
        )
    if isinstance(value, list):
        return _array([compile_template(child) for child in value])
    return expressions.compile_template(value)


def as_expression(text: str) -> Expression | None:
    """The expression that a text happens to be, or None."""
    try:
        return expressions.compile_expression(text)
    except ExpressionSyntaxError:
        return None


def _text(text: str) -> Template:
    expression = as_expression(text)
    if expression is None:
        return expressions.compile_template(text)

    def evaluate(input: Any, variables: Mapping[str, Any]) -> Any:
        try:
            return expression.evaluate(input, variables)
        except Fault as fault:
            if fault.type != STANDARD + "expression":
                raise
            return text

    return Template(evaluate, expression.names)


def _object(parts: dict[str, Template]) -> Template:
    def evaluate(input: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {key: part.evaluate(input, variables) for key, part in parts.items()}

    return Template(evaluate, frozenset[str]().union(*(part.names for part in parts.values())))


def _array(parts: list[Template]) -> Template:
    def evaluate(input: Any, variables: Mapping[str, Any]) -> list[Any]:
        return [part.evaluate(input, variables) for part in parts]

    return Template(evaluate, frozenset[str]().union(*(part.names for part in parts)))
