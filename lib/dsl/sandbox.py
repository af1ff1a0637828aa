"""jq, shut off from the process: JSON in, JSON out, no environment, no streams, no files, no way to end us.

Every expression is compiled inside a wrapper that shadows whatever reaches outside. Results leave as text, for two
reasons: the binding's own conversion recurses in C and dies on a deeply nested result, and it reads every integer
as a double.

A program runs in this process and cannot be interrupted: only what `guard_verdict` has judged may come here.
"""

import functools
import json
import re
from collections.abc import Iterable
from typing import Any, cast

from lib import json_text

_CLOSED = (
    *("input", "inputs", "input_filename", "input_line_number"),
    *("halt", "halt_error", "halt_error(f)", "modulemeta"),
    *("get_search_list", "get_jq_origin", "get_prog_origin"),
)
_PRELUDE = "".join(
    [
        *(
            f'def {name}: error("`{name.removesuffix("(f)")}` is not available in workflow expressions");'
            for name in _CLOSED
        ),
        "def debug: .;def debug(f): .;def stderr: .;",  # they would print; their value is their input
        "def env: {};{} as $ENV|",
    ]
)
# Operators that do more, and unbounded, work on other values than numbers. Nothing can catch a `halt`.
_NUMBERS_ONLY = {
    mark: f"def _{name}_numbers(a; b): a {mark} b;"
    f"def _{name}(a; b): b as $b|a as $a|"
    f'if ($a|type) == "number" and ($b|type) == "number" then _{name}_numbers($a; $b) else halt end;'
    for mark, name in {"*": "multiply", "-": "minus", "/": "divide"}.items()
}
# Two line ends: jq continues a comment that ends in a backslash, and the bracket must stay ours.
_CLOSING = "\n\n)|tojson"
_COMPLAINT = re.compile(r"jq: error: (?P<what>.*?) at <top-level>, line (?P<line>\d+), column (?P<column>\d+):")
_UNDEFINED = re.compile(r"\$(\w+) is not defined$")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_TOKEN_NAMES = {
    "QQSTRING_START": "string",
    "QQSTRING_TEXT or QQSTRING_INTERP_START or QQSTRING_END": "the end of the string",
    "INVALID_CHARACTER": "character",
    "IDENT": "name",
    "FIELD": "field",
    "LITERAL": "value",
    "FORMAT": "format",
    "end of file": "end",
}


class CompileError(Exception):
    """jq does not understand a program; `undefined` are the variables it misses, if that is all."""

    def __init__(self, message: str, undefined: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.undefined = undefined


class EvaluationError(Exception):
    """A program ran and failed; the message is jq's own."""


@functools.cache
def function_names() -> frozenset[str]:
    """The functions that jq brings along, without the number of their arguments."""
    found = Program("builtins", ()).run([None])
    return frozenset(name.partition("/")[0] for name in found)


class Program:
    """A compiled expression; `run` takes the input and the values of its variables, in the given order."""

    __slots__ = ("_program",)

    def __init__(self, text: str, names: Iterable[str]) -> None:
        self._program = _compile(wrap(text, names), text)

    def run(self, values: list[Any]) -> Any:
        """The first output, null when there is none; raises EvaluationError."""
        text = self.run_text(encode(values))
        return None if text is None else decode(text)

    def run_text(self, values: str) -> str | None:
        """The same from JSON to JSON, with nothing for no output."""
        try:
            return cast(str, self._program.input_text(values).first())
        except StopIteration:
            return None
        except ValueError as exc:
            raise EvaluationError(str(exc)) from None


class NumbersProgram(Program):
    """The same for calculating with numbers only: whoever meets other values halts and gives nothing."""

    __slots__ = ("halts",)

    def __init__(self, text: str, names: Iterable[str]) -> None:
        guards = "".join(guard for mark, guard in _NUMBERS_ONLY.items() if mark in text)
        self.halts = bool(guards)
        self._program = _compile(guards + wrap(text, names), text)


def wrap(text: str, names: Iterable[str]) -> str:
    """The whole program for an expression: it takes an array of the input and the values of the variables."""
    bindings = "".join(f".[{place}] as ${name}|" for place, name in enumerate(names, 1))
    return f"{_PRELUDE}{bindings}.[0]|(\n{text}{_CLOSING}"


def encode(values: list[Any]) -> str:
    """What a program takes in; raises EvaluationError for what is no JSON."""
    try:
        text = _encode(values)
        if not text.isascii():
            text.encode()
    except RecursionError:
        raise EvaluationError(_too_deep("input")) from None
    except UnicodeEncodeError:
        raise EvaluationError("the input holds half of a surrogate pair, which is not text") from None
    except ValueError as exc:
        raise EvaluationError(str(exc)) from None
    return text


def _compile(program: str, text: str) -> Any:
    import jq  # 2.5 MB of libjq; documents of plain paths never need it

    try:
        return jq.compile(program)
    except ValueError as exc:
        raise complaint(str(exc), text) from None


def complaint(message: str, text: str) -> CompileError:
    """What jq says about a wrapped program, told as about the expression, which starts on line 2."""
    found = list(_COMPLAINT.finditer(message))
    if not found:
        return CompileError(message.removeprefix("jq: error: ").partition("\n")[0])
    undefined = [match[1] for complaint in found if (match := _UNDEFINED.match(complaint["what"]))]
    missing = frozenset(undefined if len(undefined) == len(found) else ())
    # A variable that is missing here may be given there: what else is wrong matters more.
    first = min(found, key=lambda complaint: bool(_UNDEFINED.match(complaint["what"])))
    line = int(first["line"]) - 1
    if line > text.count("\n") + 1:
        return CompileError("it is incomplete, or its brackets do not match")
    what = functools.reduce(lambda text, pair: text.replace(*pair), _TOKEN_NAMES.items(), first["what"])
    return CompileError(f"{what} (line {line}, column {first['column']})", missing)


def decode(text: str) -> Any:
    """A program's output; raises EvaluationError for what cannot be kept."""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise EvaluationError(_too_deep("result")) from None
    except ValueError as exc:
        raise EvaluationError(f"the result cannot be read: {exc}") from None
    if "\\u0000" in text and _NUL.search(text):
        raise EvaluationError("the result holds \\u0000, which cannot be stored")
    brackets = text.count("[") + text.count("{")
    if brackets > json_text.MAX_DEPTH and json_text.is_deeper_than(json_text.MAX_DEPTH, value):
        raise EvaluationError(_too_deep("result"))
    return value


def _too_deep(what: str) -> str:
    return f"the {what} is nested more than {json_text.MAX_DEPTH} levels deep"


def _finite(digits: str) -> float:
    """jq writes a literal like 1e400 as it was written; as everywhere in jq, it counts as the largest number."""
    return max(-_LARGEST, min(_LARGEST, float(digits)))


_LARGEST = 1.7976931348623157e308
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_DECODER = json.JSONDecoder(parse_float=_finite)
