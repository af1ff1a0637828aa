"""jq expressions and templates: compiled once, evaluated as often as needed, variables passed as data.

Numbers are jq's: a double as soon as something is calculated, as written while a value is only passed on, so an
id of twenty digits survives every path and object construction. Values that a path leads to are shared, not
copied: nobody may change them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from lib import errors
from lib.dsl import faults, guard, limits, paths, sandbox
from lib.dsl.guard_reads import INPUT, project
from lib.dsl.guard_verdict import judge
from lib.dsl.suggestions import nearest

ARGUMENTS = frozenset({"context", "input", "output", "secrets", "authorization", "task", "workflow", "runtime"})
_WRAPPED = re.compile(r"\s*\$\{(.*)\}\s*", re.DOTALL)
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
# Where these occur, a `$name` may be plain text or bound by the expression itself.
_AMBIGUOUS = re.compile(r'\\|#|\bas\b|\bdef\b|"[^"]*\$')
_UNKNOWN_FUNCTION = re.compile(r"(\w+)/\d+ is not defined")


class ExpressionSyntaxError(ValueError):
    """The text is not an expression that jq understands; the message says where and why."""


class Expression:
    """One jq expression; `names` are the variables it needs."""

    __slots__ = ("_guarded", "_here", "_ordered", "_path", "_reads_input", "_verdict", "names", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._path = paths.parse(text)
        self._verdict = judge(text)
        self._here: sandbox.NumbersProgram | None = None
        self._guarded: guard.Program | None = None
        self.names = self._compile() if self._path is None else frozenset(filter(None, [self._path.root]))
        self._ordered = tuple(sorted(self.names))
        self._reads_input = INPUT in self._verdict.reads

    def evaluate(self, input: Any, variables: Mapping[str, Any]) -> Any:
        """The first output, null when there is none; raises a Fault of type expression."""
        path = self._path
        if path is not None:
            root = input if path.root is None else self._value(path.root, variables)
            value = path.follow(root)
            if value is not paths.WRONG:
                return value
        try:
            text = self._run(sandbox.encode(self._values(input, variables)))
            return None if text is None else sandbox.decode(text)
        except sandbox.EvaluationError as exc:
            raise self._fault(str(exc)) from None
        except errors.Unavailable as exc:
            raise faults.runtime(f"{exc.detail} (in `{shorten(self.text, 80)}`)") from exc

    def _run(self, values: str) -> str | None:
        """Here, if the values are small enough and turn out to be numbers where that matters; else under guard."""
        bytes_at_most = len(values) if values.isascii() else 4 * len(values)
        if bytes_at_most <= self._verdict.size:
            if self._here is None:  # a path that leads nowhere: jq knows best how to say so
                self._here = sandbox.NumbersProgram(self.text, self._ordered)
            text = self._here.run_text(values)
            if text is not None or not self._here.halts:
                return text
        if self._guarded is None:
            self._guarded = guard.Program(self.text, self._ordered)
        return self._guarded.run_text(values)

    def _values(self, input: Any, variables: Mapping[str, Any]) -> list[Any]:
        """As much of the input and the variables as is read."""
        reads = self._verdict.reads
        values = [project(input, reads[INPUT]) if self._reads_input else None]
        values += [project(self._value(name, variables), reads.get(name)) for name in self._ordered]
        return values

    def _value(self, name: str, variables: Mapping[str, Any]) -> Any:
        try:
            return variables[name]
        except KeyError:
            raise self._fault(f"${name} is not defined here") from None

    def _fault(self, message: str) -> faults.Fault:
        return faults.expression(f"{shorten(message, 300)} (in `{shorten(self.text, 80)}`)")

    def _compile(self) -> frozenset[str]:
        """Exactly the variables that it needs: jq itself says which ones it misses."""
        guess = set() if _AMBIGUOUS.search(self.text) else ARGUMENTS.intersection(_VARIABLE.findall(self.text))
        names = frozenset(guess)
        while True:
            try:
                self._compile_with(sorted(names))
            except sandbox.CompileError as exc:
                if not exc.undefined - names:
                    raise ExpressionSyntaxError(_explain(self.text, str(exc))) from None
                names |= exc.undefined
            else:
                return names

    def _compile_with(self, names: list[str]) -> None:
        if self._verdict.size:
            self._here = sandbox.NumbersProgram(self.text, names)
        else:
            self._guarded = guard.Program(self.text, names)
            self._guarded.check(self.text)


@lru_cache(maxsize=4096)  # about 7 kB each
def compile_expression(text: str) -> Expression:
    """The compiled expression, from a cache when it was met before; raises ExpressionSyntaxError, or Unavailable."""
    if not text.strip():
        raise ExpressionSyntaxError("it is empty")
    if len(text) > limits.EXPRESSION_CHARACTERS:
        allowed = limits.EXPRESSION_CHARACTERS
        raise ExpressionSyntaxError(f"it may have {allowed} characters, but has {len(text)}")
    if limits.UNSTORABLE.search(text):
        raise ExpressionSyntaxError("it holds a character that is not text")
    return Expression(text)


def _explain(text: str, message: str) -> str:
    if "character" in message and "'" in text:
        return f"{message}; strings need double quotes"
    if unknown := _UNKNOWN_FUNCTION.match(message):
        return message + nearest(unknown[1], sandbox.function_names())
    if "${" in text:
        return f'{message}; `${{ }}` must be the whole text, join parts inside it: ${{ "\\(.a) and \\(.b)" }}'
    return message


def shorten(text: str, length: int) -> str:
    """The text on one line, cut to about that length."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + "…"


type _Node = Callable[[Any, Mapping[str, Any]], Any]


class Template:
    """A JSON value with expressions in it (none: `is_constant`); `names` are the variables that they need."""

    __slots__ = ("_node", "is_constant", "names")

    def __init__(self, node: _Node, names: frozenset[str], *, is_constant: bool = False) -> None:
        self._node = node
        self.names = names
        self.is_constant = is_constant

    def evaluate(self, input: Any, variables: Mapping[str, Any]) -> Any:
        """The value with every expression replaced by its result; raises a Fault of type expression."""
        return self._node(input, variables)


def compile_template(value: Any, *, bare: bool = False) -> Template:
    """Any JSON value with `${ … }` strings in it; with `bare`, a plain string is itself an expression."""
    if bare and isinstance(value, str):
        expression = compile_expression(unwrap(value))
        return Template(expression.evaluate, expression.names)
    names: set[str] = set()
    node = _node(value, names)
    if node is None:
        return Template(lambda _input, _variables: value, frozenset(), is_constant=True)
    return Template(node, frozenset(names))


def is_expression(value: Any) -> bool:
    """Whether the value is a string that is one expression, wholly inside `${ }`."""
    return isinstance(value, str) and _WRAPPED.fullmatch(value) is not None


def unwrap(text: str) -> str:
    """The expression inside `${ }`, or the text itself."""
    match = _WRAPPED.fullmatch(text)
    return match[1].strip() if match else text


def find_expressions(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every expression inside a value, with the JSON pointer to it."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from find_expressions(child, f"{pointer}/{escape(key)}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from find_expressions(child, f"{pointer}/{index}")
    elif is_expression(value):
        yield pointer, unwrap(value)


def escape(name: str) -> str:
    """A key as a JSON pointer writes it."""
    return name.replace("~", "~0").replace("/", "~1")


def _node(value: Any, names: set[str]) -> _Node | None:
    """How to evaluate a value, or None for one without expressions, which is shared as it is."""
    if is_expression(value):
        expression = compile_expression(unwrap(value))
        names |= expression.names
        return expression.evaluate
    if isinstance(value, dict):
        return _object(value, {key: _node(child, names) for key, child in value.items()})
    if isinstance(value, list):
        return _array(value, [_node(child, names) for child in value])
    return None


def _object(value: dict[str, Any], nodes: dict[str, _Node | None]) -> _Node | None:
    moving = [(key, node) for key, node in nodes.items() if node]
    if not moving:
        return None

    def evaluate(input: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
        return value | {key: node(input, variables) for key, node in moving}

    return evaluate


def _array(value: list[Any], nodes: list[_Node | None]) -> _Node | None:
    moving = [(index, node) for index, node in enumerate(nodes) if node]
    if not moving:
        return None

    def evaluate(input: Any, variables: Mapping[str, Any]) -> list[Any]:
        result = value.copy()
        for index, node in moving:
            result[index] = node(input, variables)
        return result

    return evaluate
