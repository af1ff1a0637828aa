"""How much is too much: the bounds of documents and values, each named by the sentence that refuses it."""

import re
from collections.abc import Iterable
from typing import Any

VALUE_DEPTH = 256  # levels of any JSON value: whoever reads ours may recurse
DOCUMENT_DEPTH = 64
DOCUMENT_TASKS = 1000
EXPANDED_TASKS = 5000  # with the tasks that functions and extensions add, wherever they are used
FUNCTION_DEPTH = 20
LISTENED_EVENTS = 10_000  # they are part of the state, which is written whole
DOCUMENT_BYTES = 1_048_576
DOCUMENT_EXPRESSIONS = 2000  # each different one takes a millisecond to compile
EXPRESSION_CHARACTERS = 10_000
YAML_BYTES = 524_288  # pure Python reads about 220 kB of YAML a second
YAML_VALUES = 100_000  # counted with aliases written out: a few lines could mean billions
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # no database text can hold these


def is_deeper_than(levels: int, value: Any) -> bool:
    """Whether lists and objects stand inside each other more than `levels` deep; never recurses."""
    layer = _containers([value])
    for _ in range(levels):
        layer = [inner for outer in layer for inner in _containers(_children(outer))]
        if not layer:
            return False
    return bool(layer)


def _children(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]
