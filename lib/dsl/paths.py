"""Plain paths (`.`, `.a.b[0]`, `$x.y`) in Python: most expressions are, and jq takes fifty times as long."""

import re
from typing import Any, NamedTuple

_STEP = r"""
    \.?\[\s*(?:-?[0-9]{1,9}|"[^"\\\x00-\x1f]*")\s*\]
  | \.(?:[A-Za-z_][A-Za-z_0-9]*|"[^"\\\x00-\x1f]*")
"""
_STEPS = re.compile(_STEP, re.VERBOSE)
_PATH = re.compile(rf"\s*(?:\$(?P<root>[A-Za-z_][A-Za-z_0-9]*)|(?=\.))(?P<steps>(?:{_STEP})*)\s*", re.VERBOSE)
# jq gives these two a meaning of its own.
_SPECIAL = frozenset({"ENV", "__loc__"})

WRONG = object()


class Path(NamedTuple):
    """Where it starts (a variable's name, or None for the input) and the keys and indexes it goes through."""

    root: str | None
    steps: tuple[str | int, ...]

    def follow(self, value: Any) -> Any:
        """What jq would find there, or WRONG where jq would fail."""
        for step in self.steps:
            if value is None:
                return None
            if isinstance(step, str):
                if not isinstance(value, dict):
                    return WRONG
                value = value.get(step)
            elif isinstance(value, list):
                value = value[step] if -len(value) <= step < len(value) else None
            else:
                return WRONG
        return value


def parse(text: str) -> Path | None:
    """The path that an expression is, or None if it is more than a path."""
    if text.strip() == ".":
        return Path(None, ())
    match = _PATH.fullmatch(text)
    if match is None or match["root"] in _SPECIAL:
        return None
    return Path(match["root"], tuple(_step(step[0]) for step in _STEPS.finditer(match["steps"])))


def _step(text: str) -> str | int:
    inner = text.strip(".[] \t\r\n")
    if inner.startswith('"'):
        return text[text.index('"') + 1 : text.rindex('"')]
    return inner if text[1:].isidentifier() else int(inner)
