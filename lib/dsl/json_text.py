"""JSON as RFC 8259 means it: no duplicate keys, no NaN, nothing that a database could not store."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from lib import errors
from lib.dsl import limits

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')

_LONG_INTEGER = re.compile(r"-?\d{4301,}")


class _Refused(Exception):
    """A value that JSON's grammar allows, or Python's reader lets pass, but we do not take."""

    def __init__(self, sentence: str, find: Callable[[str], int]) -> None:
        super().__init__(sentence)
        self.find = find


def parse(text: str) -> Any:
    """The value of a JSON text; raises InvalidJSON with the line and column of the first mistake."""
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as exc:
        _refuse(exc.msg, exc.lineno, exc.colno)
    except _Refused as exc:
        _refuse(str(exc), *_line_and_column(text, exc.find(text)))
    except ValueError:  # Python reads no integer of more than 4,300 digits
        position = next(token.start() for token in _TOKENS.finditer(text) if _LONG_INTEGER.fullmatch(token[0]))
        _refuse("A number has more than 4300 digits", *_line_and_column(text, position))
    except RecursionError:
        raise errors.InvalidJSON(_too_deep()) from None
    if limits.is_deeper_than(limits.VALUE_DEPTH, value):
        raise errors.InvalidJSON(_too_deep())
    if "\\u" in text:
        _check_strings(text)
    return value


def _refuse(message: str, line: int, column: int) -> NoReturn:
    raise errors.InvalidJSON(f"{message} (line {line}, column {column})", line=line, column=column) from None


def _too_deep() -> str:
    return f"The value is nested more than {limits.VALUE_DEPTH} levels deep."


def _line_and_column(text: str, position: int) -> tuple[int, int]:
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _check_strings(text: str) -> None:
    """Refuses \\u0000 and half surrogate pairs, which only escapes can bring in."""
    for token in _TOKENS.finditer(text):
        if "\\u" in token[0] and limits.UNSTORABLE.search(json.loads(token[0])):
            sentence = "A string holds \\u0000 or half of a surrogate pair, which cannot be stored"
            _refuse(sentence, *_line_and_column(text, token.start()))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"The key {json.dumps(twice)} appears twice in one object", _find_duplicate)
    return value


def _constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a JSON number", lambda text: _find_token(text, name))


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise _Refused(f"The number {digits[:40]} is too large", lambda text: _find_token(text, digits))
    return value


def _find_token(text: str, wanted: str) -> int:
    return next(token.start() for token in _TOKENS.finditer(text) if token[0] == wanted)


def _find_duplicate(text: str) -> int:
    """Where the first key stands that its object already has."""
    seen: list[set[str]] = []
    for token, is_key in _keys_marked(text):
        if token[0] in "{[":
            seen.append(set())
        elif token[0] in "}]":
            seen.pop()
        elif is_key:
            key = json.loads(token[0])
            if key in seen[-1]:
                return token.start()
            seen[-1].add(key)
    return 0


def _keys_marked(text: str) -> Iterator[tuple[re.Match[str], bool]]:
    """Each token, and whether a colon follows it, which only keys have."""
    tokens = list(_TOKENS.finditer(text))
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        yield token, after is not None and after[0] == ":"


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
