"""From a model's complaints to sentences for authors: where, what was found, what is allowed, what was meant."""

from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lib.dsl.expressions import escape, shorten
from lib.dsl.models import Part
from lib.dsl.suggestions import did_you_mean

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}


class Findings:
    """The problems of one document, in the order they were found."""

    def __init__(self) -> None:
        self.problems: list[dict[str, str]] = []

    def add(self, pointer: str, detail: str) -> None:
        """Notes a problem at a JSON pointer."""
        self.problems.append({"pointer": pointer, "detail": detail})

    def check(self, model: type[Part], value: Any, pointer: str) -> bool:
        """Whether the value has the shape of the model; notes every way in which it has not."""
        try:
            model.model_validate(value)
        except ValidationError as exc:
            for error in exc.errors(include_url=False):
                self._translate(model, error, pointer)
            return False
        return True

    def _translate(self, model: type[Part], error: ErrorDetails, pointer: str) -> None:
        path = [str(step) for step in error["loc"]]
        if error["type"] == "missing":
            name = path.pop()
            self.add(pointer + _join(path), f"`{name}` is missing")
        elif error["type"] == "extra_forbidden":
            allowed = _properties(model, path[:-1])
            detail = f"unknown property `{path[-1]}`{did_you_mean(path[-1], allowed)}"
            self.add(pointer + _join(path), detail)
        else:
            self.add(pointer + _join(path), _sentence(error))


def describe(value: Any) -> str:
    """What a value is, in an author's words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text `{shorten(value, 40)}`"
        case list():
            return "a list"
        case _:
            return "an object"


def _join(path: list[str]) -> str:
    return "".join(f"/{escape(step)}" for step in path)


def _sentence(error: ErrorDetails) -> str:
    kind, found = error["type"], error["input"]
    if kind in _WANTED:
        hint = ": put it in quotes" if kind == "string_type" and isinstance(found, int | float) else ""
        return f"must be {_WANTED[kind]}, but is {describe(found)}{hint}"
    if kind == "literal_error":
        allowed = [word.strip("' ") for word in error["ctx"]["expected"].replace(" or ", ",").split(",")]
        return f"{describe(found)} is not allowed here{did_you_mean(str(found), allowed)}"
    if kind == "greater_than_equal":
        return f"must be at least {error['ctx']['ge']}, but is {found}"
    if kind == "less_than_equal":
        return f"must be at most {error['ctx']['le']}, but is {found}"
    if kind == "string_too_short":
        return "is empty: give it a value or remove it"
    return error["msg"].removeprefix("Value error, ")


def _properties(model: type[Part], path: list[str]) -> list[str]:
    """The names that the (nested) model at the end of the path knows."""
    for step in path:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        model = _model_in(fields[step].annotation) if step in fields else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[Part]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next(found for part in get_args(annotation) if (found := _model_in(part)))
