"""What pydantic says of a value, in the words of JSON and without the names of Python's types and of our classes."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

_OBJECT, _LIST, _STRING = "Input should be an object", "Input should be a list", "Input should be a string"
# By the type of the error: https://docs.pydantic.dev/latest/errors/validation_errors/
_WORDS = {
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "string_type": _STRING,
    "bytes_type": _STRING,
    "path_type": _STRING,
    "url_type": _STRING,
    "uuid_type": _STRING,
    "int_type": "Input should be a whole number",
    "int_from_float": "Input should be a whole number",
    "float_type": "Input should be a number",
    "decimal_type": "Input should be a number, or a string that holds one",
    "bool_type": "Input should be true or false",
    "none_required": "Input should be null",
    "extra_forbidden": "Nothing of this name is taken here",
    "missing": "This is missing",
    "is_instance_of": "JSON has no value for this",
    "is_subclass_of": "JSON has no value for this",
    "callable_type": "JSON has no value for this",
}


def list_complaints(exc: "ValidationError") -> Iterable[tuple[tuple[int | str, ...], str]]:
    """Where something is wrong, and a sentence without a full stop on what; never the value that was found there."""
    for error in exc.errors(include_url=False, include_input=False):
        yield error["loc"], _say(error)


def sum_up(exc: "ValidationError") -> str:
    """All of it in a line, for what stands under `with` in a document."""
    return "; ".join(f"{'.'.join(map(str, place)) or 'with'}: {said}" for place, said in list_complaints(exc))


def _say(error: Mapping[str, Any]) -> str:
    kind, about = error["type"], error.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        said = str(about["error"])
        return said[:1].upper() + said[1:]
    if kind == "too_long":
        return f"There should be at most {about['max_length']} of these, not {about['actual_length']}"
    if kind == "too_short":
        return f"There should be at least {about['min_length']} of these, not {about['actual_length']}"
    return _WORDS.get(kind) or str(error["msg"])
