"""YAML 1.2 with its core schema: `on` and dates stay text, aliases are counted, nothing is constructed."""

import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    StreamEndEvent,
)

from lib import errors, json_text
from lib.dsl import limits

_CORE = "tag:yaml.org,2002:"
_TAGS = {None, "!", *(_CORE + name for name in ("str", "null", "bool", "int", "float", "map", "seq"))}
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGERS = (
    (re.compile(r"[-+]?[0-9]+"), 10),
    (re.compile(r"0o[0-7]+"), 8),
    (re.compile(r"0x[0-9a-fA-F]+"), 16),
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def parse(text: str) -> Any:
    """The value of a YAML text; raises InvalidDocument with the line and column of the first mistake."""
    if len(text) > limits.YAML_BYTES:
        _refuse(f"YAML may be at most {limits.YAML_BYTES} characters long, this is {len(text)}: send JSON")
    try:
        return _Composer(YAML(typ="safe", pure=True).parse(text)).document()
    except MarkedYAMLError as exc:
        problem = ", ".join(part for part in (exc.context, exc.problem) if part)
        _refuse(f"The YAML cannot be read: {problem}", exc.problem_mark)
    except YAMLError as exc:
        _refuse(f"The YAML cannot be read: {' '.join(str(exc).split())}")


def _refuse(sentence: str, mark: Any = None) -> NoReturn:
    if mark is None:
        raise errors.InvalidDocument(sentence, errors=[{"pointer": "", "detail": sentence}]) from None
    line, column = mark.line + 1, mark.column + 1
    sentence = f"{sentence} (line {line}, column {column})"
    problems = [{"pointer": "", "detail": sentence}]
    raise errors.InvalidDocument(sentence, errors=problems, line=line, column=column) from None


class _Composer:
    """Turns parser events into values, one pass, and knows how much the aliases multiply."""

    def __init__(self, events: Iterator[Event]) -> None:
        self.events = events
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.values = 0
        self.depth = 0

    def document(self) -> Any:
        next(self.events)
        if isinstance(next(self.events), StreamEndEvent):
            return None
        value = self.node(next(self.events))
        while isinstance(event := next(self.events), DocumentEndEvent):
            pass
        if not isinstance(event, StreamEndEvent):
            _refuse("One text holds one document: a second `---` follows", event.start_mark)
        if json_text.is_deeper_than(json_text.MAX_DEPTH, value):
            _refuse(f"The value is nested more than {json_text.MAX_DEPTH} levels deep")
        return value

    def node(self, event: Event) -> Any:
        before = self.values
        self.count(1, event)
        if not isinstance(event, ScalarEvent | CollectionStartEvent):
            return self.alias(event)
        if event.tag not in _TAGS:
            _refuse(f"The tag `{event.tag}` is not understood: plain values only", event.start_mark)
        value = _scalar(event) if isinstance(event, ScalarEvent) else self.collection(event)
        if event.anchor:
            self.anchors[event.anchor] = (value, self.values - before)
        return value

    def count(self, values: int, event: Event) -> None:
        self.values += values
        if self.values > limits.YAML_VALUES:
            _refuse(f"The YAML means more than {limits.YAML_VALUES} values", event.start_mark)

    def alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            _refuse(f"The alias `*{event.anchor}` stands before the end of its anchor", event.start_mark)
        value, size = self.anchors[event.anchor]
        self.count(size, event)
        return value

    def collection(self, event: CollectionStartEvent) -> Any:
        self.depth += 1
        if self.depth > json_text.MAX_DEPTH:
            _refuse(f"The value is nested more than {json_text.MAX_DEPTH} levels deep", event.start_mark)
        value = self.mapping() if isinstance(event, MappingStartEvent) else self.sequence()
        self.depth -= 1
        return value

    def sequence(self) -> list[Any]:
        values = []
        while not isinstance(event := next(self.events), CollectionEndEvent):
            values.append(self.node(event))
        return values

    def mapping(self) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not isinstance(event := next(self.events), CollectionEndEvent):
            key = _key(event)
            if key in members:
                _refuse(f"The key `{key}` appears twice in one mapping", event.start_mark)
            members[key] = self.node(next(self.events))
        return members


def _key(event: Event) -> str:
    if not isinstance(event, ScalarEvent) or event.tag not in _TAGS:
        _refuse("A key must be plain text", event.start_mark)
    if event.value == "<<" and event.style is None:
        _refuse("Merge keys (`<<`) are not part of YAML 1.2: write the properties out", event.start_mark)
    return str(event.value)


def _scalar(event: ScalarEvent) -> Any:
    plain = event.style is None and event.tag != "!"
    text = str(event.value)
    if limits.UNSTORABLE.search(text):
        _refuse("A string holds \\0 or half of a surrogate pair, which cannot be stored", event.start_mark)
    if event.tag == _CORE + "str" or (event.tag is None and not plain) or event.tag == "!":
        return text
    if text in _WORDS:
        return _WORDS[text]
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(text):
            return _integer(text, base, event)
    if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
        return _number(text, event)
    return text


def _integer(text: str, base: int, event: ScalarEvent) -> int:
    try:
        return int(text, base if base == 10 else 0)
    except ValueError:
        _refuse(f"A number has {len(text)} digits, which is too many", event.start_mark)


def _number(text: str, event: ScalarEvent) -> float:
    value = float("inf") if _NOT_FINITE.fullmatch(text) else float(text)
    if not math.isfinite(value):
        _refuse(f"`{text[:40]}` is not a number that JSON can hold", event.start_mark)
    return value
