"""Read JSON strictly: what cannot be written again, or two parsers could read differently, is refused."""

import json
import re
from collections import Counter
from functools import partial
from typing import Any, NoReturn

from lib.errors import InvalidJSON, Unprocessable

# Deeper values cost every reader of the run a stack frame per level; real documents stay below 40.
MAX_DEPTH = 128
_STRING_OR_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|NaN|-?Infinity')


def read_json(data: bytes) -> Any:
    """The value in `data`; raises InvalidJSON with line and column, or Unprocessable naming a limit."""
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        before = data[: exc.start].decode()
        raise _invalid("This is not UTF-8", before, len(before)) from None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=partial(_refuse_constant, text))
    except json.JSONDecodeError as exc:
        raise _invalid(exc.msg, text, exc.pos) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # Python's bound on the digits of an integer
        raise Unprocessable("A number has more digits than the limit of 4300.", limit=4300) from None
    check_depth(value)
    _check_storable(value)
    return value


def check_depth(value: Any) -> None:
    """Raise Unprocessable if a value nests deeper than the limit."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise _too_deep()


def _children(value: Any) -> list[Any]:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for member in members if isinstance(member, dict | list)]


def _check_storable(value: Any) -> None:
    """Half of a surrogate pair is no character, and infinity (which `1e999` becomes) no JSON."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise Unprocessable("A string holds half of a surrogate pair, which is no character.") from None
    except ValueError:
        raise Unprocessable("A number is too large to be kept.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise InvalidJSON(f"The name {name[:80]!r} stands twice in one object.")
    return found


def _refuse_constant(text: str, name: str) -> NoReturn:
    position = next(match.start() for match in _STRING_OR_CONSTANT.finditer(text) if match[0] == name)
    raise _invalid(f"{name} is not JSON", text, position)


def _invalid(message: str, text: str, position: int) -> InvalidJSON:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return InvalidJSON(f"{message} (line {line}, column {column}).", line=line, column=column)


def _too_deep() -> Unprocessable:
    return Unprocessable(f"The body nests deeper than the limit of {MAX_DEPTH} levels.", limit=MAX_DEPTH)
