"""JSON read strictly: what cannot be written again, or two readers could read differently, is refused.

What is right is judged at the speed of C, as a whole; only a text that is wrong is searched for the place.
"""

import json
import re
from collections.abc import Callable, Iterator
from itertools import islice
from math import isinf
from typing import Any, NoReturn

from lib.errors import BadRequest, InvalidJSON, RatchetError, Unprocessable

# Deeper values cost every reader a stack frame per level; real documents and inputs stay below 40.
MAX_DEPTH = 128
MAX_DIGITS = 4300  # Python's own bound: reading a longer integer takes time squared
_TOO_DEEP = f"The value is nested more than {MAX_DEPTH} levels deep."

_TOKEN = re.compile(
    r'(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")(?P<colon>\s*:)?'
    r"|[{}]|NaN|-?Infinity|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
)
_LONG_INTEGER = re.compile(rf"-?[0-9]{{{MAX_DIGITS + 1},}}")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTAINERS = frozenset((dict, list))


class _Refused(Exception):
    """A number that Python's reader would take and we do not."""

    def __init__(self, refusal: type[RatchetError], sentence: str, token: str) -> None:
        super().__init__(sentence)
        self.refusal = refusal
        self.token = token


class _Twice(Exception):
    """A name stands twice in one object."""


def parse(data: bytes) -> Any:
    """The value of a JSON text; raises InvalidJSON, or Unprocessable for what goes too far, with line and column."""
    text = decode(data, InvalidJSON)
    value = _read(text)
    if _count_members(value) != _count_names_at_most(text):
        _check_names(text)
    if _SURROGATE_ESCAPE.search(text):
        _check_characters(text, value)
    return value


def decode(data: bytes, refusal: type[BadRequest] = BadRequest) -> str:
    """The text without its byte order mark; raises the refusal, with line and column, for what is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = exc.object[: exc.start].decode()  # the object has no mark: `start` counts from behind it
        _refuse(refusal, "This is not UTF-8", before, len(before))


def is_deeper_than(levels: int, value: Any) -> bool:
    """Whether lists and objects stand inside each other more than `levels` deep; never recurses."""
    return next(islice(_layers(value), levels, None), None) is not None


def _layers(value: Any) -> Iterator[list[Any]]:
    """The lists and objects of a value, level by level."""
    layer = [value] if type(value) in _CONTAINERS else []
    while layer:
        yield layer
        layer = [
            member
            for container in layer
            for member in (container.values() if type(container) is dict else container)
            if type(member) in _CONTAINERS
        ]


def _read(text: str) -> Any:
    try:
        return _READER.decode(text)
    except json.JSONDecodeError as exc:
        _refuse(InvalidJSON, exc.msg, text, exc.pos)
    except _Refused as exc:
        _refuse(exc.refusal, str(exc), text, _find(text, exc.token.__eq__))
    except RecursionError:
        raise Unprocessable(_TOO_DEEP, limit=MAX_DEPTH) from None
    except ValueError:
        position = _find(text, _LONG_INTEGER.fullmatch)
        _refuse(Unprocessable, f"A number has more than {MAX_DIGITS} digits", text, position, limit=MAX_DIGITS)


def _constant(name: str) -> NoReturn:
    raise _Refused(InvalidJSON, f"{name} is not JSON", name)


def _float(digits: str) -> float:
    value = float(digits)
    if isinf(value):
        raise _Refused(Unprocessable, f"The number {digits[:40]} is too large to be kept", digits)
    return value


def _count_members(value: Any) -> int:
    """The members of all objects of a value; raises Unprocessable on the way if it is nested too deep."""
    members = 0
    for level, layer in enumerate(_layers(value), 1):
        if level > MAX_DEPTH:
            raise Unprocessable(_TOO_DEEP, limit=MAX_DEPTH)
        members += sum([len(each) for each in layer if type(each) is dict])
    return members


def _count_names_at_most(text: str) -> int:
    """Never less than the names in a valid text: the colon behind a name follows a quote or white space."""
    return text.count('":') + sum(text.count(f"{space}:") for space in " \t\n\r" if space in text)


def _check_names(text: str) -> None:
    """Refuse a name that stands twice in its object; the text is valid JSON."""
    try:
        _PAIRS_READER.decode(text)
    except _Twice:
        _refuse_twice(text)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise _Twice


def _refuse_twice(text: str) -> None:
    """Tell of the first name that its object already has."""
    seen: list[set[str]] = []
    for token in _TOKEN.finditer(text):
        if token[0] == "{":
            seen.append(set())
        elif token[0] == "}":
            seen.pop()
        elif token["colon"]:
            name = json.loads(token["string"])
            if name in seen[-1]:
                sentence = f"The name {json.dumps(name[:80])} stands twice in one object"
                _refuse(InvalidJSON, sentence, text, token.start())
            seen[-1].add(name)


def _check_characters(text: str, value: Any) -> None:
    """Refuse half of a surrogate pair, which only an escape can bring in."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        position = _find(text, lambda token: token[0] == '"' and _SURROGATE.search(json.loads(token)))
        _refuse(Unprocessable, "A string holds half of a surrogate pair, which is no character", text, position)


def _find(text: str, wanted: Callable[[str], Any]) -> int:
    """Where the first token stands that is wanted."""
    return next(token.start() for token in _TOKEN.finditer(text) if wanted(token["string"] or token[0]))


def _refuse(refusal: type[RatchetError], sentence: str, text: str, position: int, **extra: Any) -> NoReturn:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    raise refusal(f"{sentence} (line {line}, column {column}).", line=line, column=column, **extra) from None


_READER = json.JSONDecoder(parse_constant=_constant, parse_float=_float)
_PAIRS_READER = json.JSONDecoder(object_pairs_hook=_unique)
