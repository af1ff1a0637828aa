"""Values on their way out and in: cut on the server, restored as JSON here, and parameters in the server's notation."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import postgres

from lib.dbtool.logins import Connection
from lib.dbtool.refusals import miscounted, refused
from lib.dbtool.wire import cells, run
from lib.json_text import MAX_DEPTH, is_deeper_than

# Nobody reads more of one value, and a program that needs more asks for it in parts: substr(…).
LONGEST = 10_000

_FIRST_OWN_OID = 16384  # lower ones are the server's own types
JSON = 114
_BYTEA, _BOOL, _JSONB = 17, 16, 3802
_PLAIN_TEXT = frozenset({25, 1043})
_INTEGERS = frozenset({20, 21, 23, 26})
_FLOATS = frozenset({700, 701})
_VECTORS_OF_THE_SERVER = {22: "int2vector", 30: "oidvector"}

# An item of an array literal: a quoted text, NULL, a plain text, or a mark of its structure.
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([{}])|([^{}",;\s\\](?:[^{}",;\\]|\\.)*)|[,;]', re.DOTALL)
_BOUNDS = re.compile(r"(?:\[[-+0-9:]+\])+=")


@dataclass(frozen=True, slots=True)
class Type:
    """A type of the database: its name in SQL, and the OID of its elements where it is an array with commas."""

    oid: int
    name: str
    element: int | None = None


_OWN_TYPES = """
select oid::pg_catalog.int8, pg_catalog.format_type(oid, null),
  case when typcategory = 'A' and typdelim = ',' then typelem::pg_catalog.int8 end
from pg_catalog.pg_type where oid = any ($1::pg_catalog.oid[])
"""


async def look_up(conn: Connection, oids: Iterable[int]) -> Mapping[int, Type]:
    """The types with these OIDs; the server is asked only for those that did not come with it."""
    wanted = set(oids)
    found = {oid: known for oid in wanted if (known := _builtin(oid))}
    own = sorted(wanted - found.keys())
    if own:
        result = await run(conn, _OWN_TYPES, [f"{{{','.join(map(str, own))}}}".encode()])
        for oid, name, element in cells(result):
            found[int(oid or 0)] = Type(int(oid or 0), name or "", int(element) if element else None)
    return found


def _builtin(oid: int) -> Type | None:
    if oid in _VECTORS_OF_THE_SERVER:
        return Type(oid, _VECTORS_OF_THE_SERVER[oid])
    info = postgres.types.get(oid)
    if info is None or oid >= _FIRST_OWN_OID:
        return None
    if oid == info.array_oid:
        return Type(oid, f"{info.regtype}[]", info.oid if info.delimiter == "," else None)
    return Type(oid, info.regtype)


def cut(column: str, oid: int, longest: int = LONGEST) -> str:
    """A SQL expression for `column` as text, one character longer than `longest` where it had to be cut.

    concat() writes a value as the server would send it; a cast to text can be the user's own function, drops the
    blanks of char(n) and writes booleans and addresses differently. It also makes '' of NULL.
    """
    if oid in _PLAIN_TEXT:
        return f"pg_catalog.left({column}::pg_catalog.text, {longest + 1})"
    if oid == _BYTEA:  # a large one has no text form at all: that would be twice as long
        column = f"pg_catalog.substr({column}, 1, {longest // 2 + 1})"
    text = f"pg_catalog.left(pg_catalog.concat({column}), {longest + 1})"
    return f"case pg_catalog.num_nonnulls({column}) when 1 then {text} end"


def restore(text: str | None, kind: Type, longest: int = LONGEST) -> Any:
    """The JSON value of a cell; what JSON has no exact word for (numeric, dates, NaN …) and what is cut stay text."""
    if text is None or kind.oid in _PLAIN_TEXT:
        return text if text is None else text[:longest]
    if len(text) > longest:
        return text[:longest]
    if kind.element is not None:
        return _array(text, kind.element)
    return _scalar(text, kind.oid)


def is_cut(text: str | None, longest: int = LONGEST) -> bool:
    """Whether the server cut this cell."""
    return text is not None and len(text) > longest


def _scalar(text: str, oid: int) -> Any:
    if oid in _INTEGERS:
        return int(text)
    if oid in _FLOATS:
        value = float(text)
        return value if math.isfinite(value) else text
    if oid == _BOOL:
        return text == "t"
    if oid in (JSON, _JSONB):
        return _json(text)
    return text


def _json(text: str) -> Any:
    """The value of a JSON text; the text itself where it cannot be held."""
    try:
        value = json.loads(text, parse_float=_exact_float)
    except (ValueError, RecursionError):
        return text
    return text if is_deeper_than(MAX_DEPTH, value) else value


def _exact_float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(digits)
    return value


def _array(text: str, element: int) -> Any:
    """The lists that an array literal stands for, whatever its lower bounds."""
    stack: list[list[Any]] = [[]]
    for match in _ITEM.finditer(_BOUNDS.sub("", text, count=1) if text.startswith("[") else text):
        quoted, bracket, plain = match.groups()
        if bracket == "{":
            stack.append([])
        elif bracket == "}":
            inner = stack.pop()
            stack[-1].append(inner)
        elif quoted is not None:
            stack[-1].append(_scalar(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL), element))
        elif plain is not None:
            stack[-1].append(None if plain == "NULL" else _scalar(plain, element))
    return stack[0][0]


def encode(parameters: Sequence[Any], types: Sequence[Type]) -> list[bytes | None]:
    """JSON values as the server reads them for the types it has inferred; raises QueryRefused for what is no text."""
    if len(parameters) != len(types):
        raise refused("parameters", detail=f"The statement {miscounted(len(types), len(parameters))}.")
    texts = [_parameter(value, kind) for value, kind in zip(parameters, types, strict=True)]
    try:
        encoded = [None if text is None else text.encode() for text in texts]
    except UnicodeEncodeError:
        encoded = [b"\0"]
    if any(each is not None and b"\0" in each for each in encoded):
        raise refused("parameters", detail="A parameter holds a character that PostgreSQL cannot keep.")
    return encoded


def _parameter(value: Any, kind: Type) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and kind.element is not None:
        return _literal(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _literal(value: Any) -> str:
    """An item of an array literal, or a whole one."""
    if isinstance(value, list):
        return f"{{{','.join(map(_literal, value))}}}"
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
