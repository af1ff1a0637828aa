"""jq, shut off from the process: JSON in, JSON out, no environment, no streams, no files, no way to end us.

Every expression is compiled inside a wrapper that shadows whatever reaches outside. Results leave as text, for two
reasons: the binding's own conversion recurses in C and dies on a deeply nested result, and it reads every integer
as a double.
"""

import functools
import json
import re
from collections.abc import Iterable
from typing import Any

from lib.dsl import limits

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
        bindings = "".join(f".[{place}] as ${name}|" for place, name in enumerate(names, 1))
        self._program = _compile(f"{_PRELUDE}{bindings}.[0]|(\n{text}{_CLOSING}", text.count("\n") + 1)

    def run(self, values: list[Any]) -> Any:
        """The first output, null when there is none; raises EvaluationError."""
        try:
            text = self._program.input_text(_encode(values)).first()
        except StopIteration:
            return None
        except RecursionError:
            raise EvaluationError(_too_deep("input")) from None
        except UnicodeEncodeError:
            raise EvaluationError("the input holds half of a surrogate pair, which is not text") from None
        except ValueError as exc:
            raise EvaluationError(str(exc)) from None
        return _decode(text)


def _compile(program: str, lines: int) -> Any:
    import jq  # 2.5 MB of libjq; documents of plain paths never need it

    try:
        return jq.compile(program)
    except ValueError as exc:
        raise _complaint(str(exc), lines) from None


def _complaint(message: str, lines: int) -> CompileError:
    """What jq says about a wrapped program, told as about the expression, which starts on line 2."""
    found = list(_COMPLAINT.finditer(message))
    if not found:
        return CompileError(message.removeprefix("jq: error: ").partition("\n")[0])
    undefined = [match[1] for complaint in found if (match := _UNDEFINED.match(complaint["what"]))]
    missing = frozenset(undefined if len(undefined) == len(found) else ())
    # A variable that is missing here may be given there: what else is wrong matters more.
    first = min(found, key=lambda complaint: bool(_UNDEFINED.match(complaint["what"])))
    line = int(first["line"]) - 1
    if line > lines:
        return CompileError("it is incomplete, or its brackets do not match")
    what = functools.reduce(lambda text, pair: text.replace(*pair), _TOKEN_NAMES.items(), first["what"])
    return CompileError(f"{what} (line {line}, column {first['column']})", missing)


def _decode(text: str) -> Any:
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise EvaluationError(_too_deep("result")) from None
    except ValueError as exc:
        raise EvaluationError(f"the result cannot be read: {exc}") from None
    if "\\u0000" in text and _NUL.search(text):
        raise EvaluationError("the result holds \\u0000, which cannot be stored")
    brackets = text.count("[") + text.count("{")
    if brackets > limits.VALUE_DEPTH and limits.is_deeper_than(limits.VALUE_DEPTH, value):
        raise EvaluationError(_too_deep("result"))
    return value


def _too_deep(what: str) -> str:
    return f"the {what} is nested more than {limits.VALUE_DEPTH} levels deep"


def _finite(digits: str) -> float:
    """jq writes a literal like 1e400 as it was written; as everywhere in jq, it counts as the largest number."""
    return max(-_LARGEST, min(_LARGEST, float(digits)))


_LARGEST = 1.7976931348623157e308
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_DECODER = json.JSONDecoder(parse_float=_finite)
