"""The checks that several parts of a document share: expressions, durations, names in `use`."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lib.dsl import durations, limits
from lib.dsl.expressions import (
    ARGUMENTS,
    ExpressionSyntaxError,
    compile_expression,
    escape,
    find_expressions,
    is_expression,
    unwrap,
)
from lib.dsl.loose import as_expression
from lib.dsl.models import Timeout
from lib.dsl.structure import Findings, describe
from lib.dsl.suggestions import did_you_mean
from lib.dsl.visibility import Scope

_SECRET = re.compile(r"""\$secrets(?:\.([A-Za-z_]\w*)|\.?\[\s*"([^"\\]*)"\s*\]|\."([^"\\]*)")""", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


class Checks:
    """Adds to the findings of one document; knows what its `use` declares.

    `variables` are all loop and catch variables it met; `loose` documents may have expressions without `${ }`;
    `unfetched` ones may have schemas that are still elsewhere.
    """

    def __init__(
        self, findings: Findings, use: dict[str, Any], *, loose: bool = False, unfetched: bool = False
    ) -> None:
        self.findings = findings
        self.use = use
        self.loose = loose
        self.unfetched = unfetched
        self.expressions = 0
        self.variables: set[str] = set()

    def declared(self, section: str) -> Iterable[str]:
        """The names that a section of `use` declares."""
        names = self.use.get(section)
        return [name for name in names if isinstance(name, str)] if isinstance(names, dict | list) else []

    def named(self, name: str, section: str, pointer: str) -> bool:
        """Whether the name is declared in a section of `use`."""
        known = list(self.declared(section))
        if name not in known:
            hint = did_you_mean(name, known) or "; nothing is declared there"
            self.findings.add(pointer, f"there is no `{name}` under `use.{section}`{hint}")
        return name in known

    def expression(self, value: Any, pointer: str, scope: Scope, arguments: frozenset[str]) -> None:
        """A text that is an expression, with or without `${ }`; other types are the structure's business."""
        if isinstance(value, str):
            self._expression(unwrap(value), pointer, scope, arguments)

    def template(self, value: Any, pointer: str, scope: Scope, arguments: frozenset[str]) -> None:
        """Any value, with `${ }` expressions anywhere inside it."""
        for place, text in find_expressions(value, pointer):
            self._expression(text, place, scope, arguments)
        if self.loose:
            self._count(sum(1 for _ in _texts(value)), pointer)

    def value_or_expression(self, value: Any, pointer: str, scope: Scope, arguments: frozenset[str]) -> None:
        """An expression, or an object with `${ }` expressions inside: what `from`, `as` and `set` take."""
        if isinstance(value, str):
            self.expression(value, pointer, scope, arguments)
        elif isinstance(value, dict):
            self.template(value, pointer, scope, arguments)
        else:
            self.findings.add(pointer, f"must be an expression or an object, but is {describe(value)}")

    def _expression(self, text: str, pointer: str, scope: Scope, arguments: frozenset[str]) -> None:
        if not self._count(1, pointer):
            return
        try:
            names = compile_expression(text).names
        except ExpressionSyntaxError as exc:
            self.findings.add(pointer, f"the expression does not compile: {exc}")
            return
        for sentence in filter(None, (scope.sentence(name, arguments) for name in sorted(names))):
            self.findings.add(pointer, sentence)
        if "secrets" in names & arguments:
            for match in _SECRET.finditer(text):
                self.named(next(filter(None, match.groups())), "secrets", pointer)

    def _count(self, more: int, pointer: str) -> bool:
        """Whether the document may have so many more expressions; the first time it may not is told."""
        before = self.expressions
        self.expressions += more
        if before <= limits.DOCUMENT_EXPRESSIONS < self.expressions:
            sentence = f"a document may have at most {limits.DOCUMENT_EXPRESSIONS} expressions"
            self.findings.add(pointer, sentence)
        return self.expressions <= limits.DOCUMENT_EXPRESSIONS

    def variable(self, name: str, pointer: str) -> None:
        """A name for a loop variable or a caught error."""
        self.variables.add(name)
        if not _VARIABLE.fullmatch(name):
            sentence = f"a variable is made of letters, digits and _, but this is `{name}`"
            hint = ": leave out the $" if name.startswith("$") else ""
            self.findings.add(pointer, sentence + hint)
        elif name in ARGUMENTS or name in ("ENV", "__loc__"):
            self.findings.add(pointer, f"`${name}` already has a meaning: choose another name")

    def loop(self, owner: dict[str, Any], pointer: str, scope: Scope, *, each: str) -> Scope:
        """The two variables of a loop, the first under the key `each`; returns what is seen inside."""
        item, at = owner.get(each, "item"), owner.get("at", "index")
        self.variable(item, f"{pointer}/{each}")
        self.variable(at, f"{pointer}/at")
        if item == at:
            self.findings.add(f"{pointer}/at", f"`{each}` and `at` are both called `{at}`")
        return scope.plus(item, at)

    def duration(self, value: Any, pointer: str, scope: Scope, arguments: frozenset[str]) -> float | None:
        """The seconds, or None if the duration is an expression or wrong."""
        if is_expression(value):
            self.expression(value, pointer, scope, arguments)
            return None
        try:
            return durations.seconds(value)
        except ValueError as exc:
            if not (self.loose and isinstance(value, str) and as_expression(value)):
                self.findings.add(pointer, str(exc))
            return None

    def timeout(self, value: Any, pointer: str, scope: Scope, arguments: frozenset[str]) -> float | None:
        """A timeout, or the name of one; the seconds if they are known."""
        if isinstance(value, str):
            known = self.named(value, "timeouts", pointer)
            return self.known_timeout(self.use["timeouts"][value]) if known else None
        if value is None or not self.findings.check(Timeout, value, pointer):
            return None
        return self.duration(value["after"], f"{pointer}/after", scope, arguments)

    @staticmethod
    def known_timeout(timeout: Any) -> float | None:
        """The seconds of a timeout that is checked elsewhere, if they are known."""
        try:
            return durations.seconds(timeout["after"])
        except (ValueError, TypeError, KeyError):
            return None

    def entries(self, section: str) -> Iterable[tuple[str, str, Any]]:
        """Name, pointer and value of everything a section of `use` declares as a mapping."""
        declared = self.use.get(section)
        for name, value in declared.items() if isinstance(declared, dict) else ():
            yield name, f"/use/{section}/{escape(name)}", value


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value that are no expressions in `${ }`."""
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _texts(child)
    elif isinstance(value, str) and not is_expression(value):
        yield value
