"""How large the values are that a statement makes out of its own constants.

The server works them out for a mere plan already, and a plan holds them in full. So the constants of a statement may
come to a million characters together, counted on the safe side. What constants do not tell counts as one character:
columns, parameters, other functions. How much an answer may weigh in the end is the wire's business.
"""

import math
import re
from typing import Any

from lib.dbtool.names import words
from lib.dbtool.second import Node, name_of
from lib.dbtool.source import Source

MOST_CHARACTERS = 1_000_000
# Calls whose result is as long as one argument says.
_PADDING = words("lpad rpad")
# Calls that put one argument into another, as often as it has characters: its place.
_MULTIPLYING = {"replace": 2, "regexp_replace": 2, "array_replace": 2, "array_to_string": 1}
_PADDED_TYPES = words("bit bpchar")
_LENGTHS = words("length char_length character_length")
_POWERS = words("power pow")
_WIDTH = re.compile(r"%[-$0-9]*?([0-9]+)(?![0-9$])")


def require_small(tree: Node, source: Source) -> None:
    """Refuse a statement whose constants make too large a value."""
    total = 0.0
    waiting: list[Any] = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for kind, node in value.items():
                if not _grows(kind, node):
                    waiting.append(node)
                    continue
                total += _size(kind, node)
                if total > MOST_CHARACTERS:
                    raise source.refused("too_large", node.get("location", 0))


def _grows(kind: str, node: Any) -> bool:
    """Whether this makes more characters than it is written with."""
    if kind == "FuncCall":
        return name_of(node["funcname"])[1] in {"repeat", "array_fill", "format", *_PADDING, *_MULTIPLYING}
    return kind == "TypeCast" and name_of(node["typeName"]["names"])[1] in _PADDED_TYPES


def _size(kind: str, node: Any) -> float:
    """How many characters a value may have."""
    match kind:
        case "A_Const":
            return float(len(node.get("sval", {}).get("sval", "1")))
        case "ColumnRef":
            return 1.0
        case "TypeCast" if _grows(kind, node):
            return _sum(node["arg"]) + _number(node["typeName"].get("typmods", []))
        case "FuncCall":
            return _result(name_of(node["funcname"])[1], node.get("args", []))
        case _:
            return _sum(node)


def _sum(value: Any) -> float:
    if isinstance(value, list):
        return sum(map(_sum, value))
    if isinstance(value, dict):
        return sum(_size(kind, node) for kind, node in value.items())
    return 0.0


def _result(name: str, arguments: list[Node]) -> float:
    """How long a function's answer may be."""
    sizes = [max(1.0, _sum(argument)) for argument in arguments]
    if name in _PADDING and len(arguments) > 1:
        return _number(arguments[1])
    if name in {"repeat", "array_fill"} and len(arguments) > 1:
        return sizes[0] * _number(arguments[1])
    if name == "format":
        return sizes[0] * sum(sizes[1:]) + _widths(arguments) if sizes else 0.0
    place = _MULTIPLYING.get(name, len(sizes))
    return sizes[0] * sizes[place] if place < len(sizes) else sum(sizes)


def _widths(arguments: list[Node]) -> float:
    """What `%20s` and `%*s` of a format call for."""
    text = arguments[0].get("A_Const", {}).get("sval", {}).get("sval", "")
    numbers = _number(arguments[1:]) if "*" in text else 0.0
    return numbers + sum(float(width) for width in _WIDTH.findall(text))


def _number(value: Any) -> float:
    """The most that a number can be; several are multiplied."""
    if isinstance(value, list):
        return math.prod(map(_number, value))
    if not isinstance(value, dict):
        return 1.0
    return math.prod(_one(kind, node) for kind, node in value.items())


def _one(kind: str, node: Any) -> float:
    match kind:
        case "A_Const":
            return _constant(node)
        case "TypeName" | "name" | "funcname":
            return 1.0
        case "FuncCall":
            return _called(name_of(node["funcname"])[1], node.get("args", []))
        case "A_Expr":
            return _calculated(name_of(node["name"])[1], _number(node.get("lexpr")), _number(node.get("rexpr")))
        case _:
            return _number(node)


def _calculated(sign: str, left: float, right: float) -> float:
    match sign:
        case "+" | "-":
            return left + right
        case "/" | "%":
            return left
        case "^":
            return _power(left, right)
        case "<<":
            return left * _power(2, right)
        case "=" | "<>" | "<" | ">" | "<=" | ">=":
            return 1.0
        case _:
            return left * right


def _called(name: str, arguments: list[Node]) -> float:
    """A number that a function answers."""
    if name in _POWERS and len(arguments) > 1:
        return _power(_number(arguments[0]), _number(arguments[1]))
    return _sum(arguments) if name in _LENGTHS else _number(arguments)


def _constant(node: Node) -> float:
    """A constant as a number of at least one: what halves a product makes it no less safe."""
    text = node.get("fval", {}).get("fval") or node.get("sval", {}).get("sval") or node.get("ival", {}).get("ival", 1)
    try:
        number = abs(float(text))
    except ValueError:
        return 1.0
    return 1.0 if math.isnan(number) else max(1.0, number)


def _power(base: float, exponent: float) -> float:
    try:
        return max(1.0, float(base**exponent))
    except OverflowError:
        return math.inf
