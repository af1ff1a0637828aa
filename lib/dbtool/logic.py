"""Three-valued logic over variables that say how terms compare: what a condition is made of once it is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from lib.dbtool.sums import Term, difference
from lib.dbtool.terms import Terms

MAYBE: Literal["maybe"] = "maybe"  # the truth, or the value, of what may be anything

type Truth = bool | Literal["maybe"] | None
type Values = Mapping[str, Any]
type Formula = Callable[[Values], Truth]
type Threshold = tuple[int, Any]  # numbers before texts

COMPARED: dict[str, Callable[[int], bool]] = {
    "=": lambda sign: sign == 0,
    "<>": lambda sign: sign != 0,
    "<": lambda sign: sign < 0,
    ">": lambda sign: sign > 0,
    "<=": lambda sign: sign <= 0,
    ">=": lambda sign: sign >= 0,
}
MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_LOOKED_AT = 8
_NO_TEXT: Threshold = (1, "")  # no text sorts before it
# No date or number lies beyond these.
_FIRST: Threshold = (-1, "-infinity")
_LAST: Threshold = (2, "infinity")
_ENDS = {str(end[1]): end for end in (_FIRST, _LAST)}
_FREE = (None, None)


@dataclass(slots=True)
class Variable:
    """Something a formula depends on: its possible values; whether it varies by row; whether it says "is null".

    `leanings` are the values with which the fewest and the most comparisons hold: where to look first.
    """

    domain: Sequence[Any]
    varies: bool
    is_null: bool = False
    leanings: tuple[Any, Any] = (False, True)


def constant(truth: Truth) -> Formula:
    """A formula that is always the same."""
    return lambda _: truth


def negated(formula: Formula) -> Formula:
    """NOT."""

    def value(values: Values) -> Truth:
        truth = formula(values)
        return not truth if isinstance(truth, bool) else truth

    return value


def every(formulas: Sequence[Formula]) -> Formula:
    """AND."""

    def value(values: Values) -> Truth:
        found: Truth = True
        for formula in formulas:
            truth = formula(values)
            if truth is False:
                return False
            if truth is MAYBE or found is True:
                found = truth
        return found

    return value


def some(formulas: Sequence[Formula]) -> Formula:
    """OR."""
    return negated(every([negated(formula) for formula in formulas]))


def ordered(holds: Callable[[int], bool], left: Formula, right: Formula) -> Formula:
    """How two truths compare, false before true; unknown when one is."""

    def value(values: Values) -> Truth:
        first, second = left(values), right(values)
        if isinstance(first, bool) and isinstance(second, bool):
            return holds(first - second)
        return MAYBE if MAYBE in (first, second) else None

    return value


def known_as(formula: Formula, truth: Truth) -> Formula:
    """Whether a formula has this truth: never unknown itself."""

    def value(values: Values) -> Truth:
        found = formula(values)
        return MAYBE if found is MAYBE else found is truth

    return value


def first_holding(branches: Sequence[tuple[Formula, Formula]]) -> Formula:
    """The second of the first pair whose first holds."""

    def value(values: Values) -> Truth:
        found: set[Truth] = set()
        for holds, result in branches:
            truth = holds(values)
            if truth is True or truth is MAYBE:
                found.add(result(values))
            if truth is True:
                break
        return found.pop() if len(found) == 1 else MAYBE if found else None

    return value


def first_known(formulas: Sequence[Formula]) -> Formula:
    """COALESCE over truths."""

    def value(values: Values) -> Truth:
        return next((truth for formula in formulas if (truth := formula(values)) is not None), None)

    return value


@dataclass(slots=True)
class Comparisons:
    """Makes formulas about terms; a sum of terms is one variable, whose values are its places among the constants."""

    terms: Terms
    _thresholds: dict[str, set[Threshold]] = field(default_factory=dict)
    _ranks: dict[str, dict[Threshold, int]] = field(default_factory=dict)
    _variables: dict[str, Variable] = field(default_factory=dict)
    _ordered: dict[str, Mapping[str, Fraction]] = field(default_factory=dict)
    _uses: dict[str, list[tuple[Callable[[int], bool], Threshold]]] = field(default_factory=dict)
    size: int = 0  # comparisons and truths so far: what one evaluation costs

    def compare(self, name: str, left: Term, right: Term) -> Formula:
        """`left name right`, where name is one of COMPARED; what is on both sides cancels out, nulls ignored."""
        if left.word is not None and right.word is None:
            return self.compare(MIRRORED.get(name, name), right, left)
        if left.text is not None and right.parts:
            return self.compare(MIRRORED.get(name, name), right, left)
        if right.text is not None and self._is_text(left):
            return self._against(name, left, (1, right.text))
        if left.word is not None and right.word is not None:
            return constant(COMPARED[name]((left.word > right.word) - (left.word < right.word)))
        if right.word is not None:
            return self._against(name, left, self._threshold(left, right))
        return self._against(name, Term(difference(left, right).parts), (0, difference(right, left).constant))

    def member(self, left: Term, right: Sequence[Term]) -> Formula | None:
        """`left in (right …)` for constants, as one formula; None when they are not all plain constants."""
        if not left.parts or left.constant or any(term.parts for term in right):
            return None
        key, sign = self._key(left.parts)
        if sign != 1:
            return None
        thresholds = [self._threshold(left, term) for term in right]
        self._thresholds[key].update(thresholds)
        self._uses.setdefault(key, []).extend((COMPARED["="], threshold) for threshold in thresholds[:_LOOKED_AT])
        self.size += 1
        nulls = self._nulls(left.parts)

        def value(values: Values) -> Truth:
            if any(values[null] for null in nulls):
                return None
            place: int | Literal["maybe"] = values[key]
            return MAYBE if place == MAYBE else place in {self._ranks[key][threshold] for threshold in thresholds}

        return value

    def truth_of(self, term: Term) -> Formula:
        """A term that is a truth itself: a boolean column, a call, an operator that is not read further."""
        key = f"truth:{term}"
        self.size += 1
        self._variables[key] = Variable((False, True), any(part in self.terms.varying for part in term.parts))
        nulls = self._nulls(term.parts)

        def value(values: Values) -> Truth:
            found: Truth = values[key]
            return None if any(values[null] for null in nulls) else found

        return value

    def null(self, term: Term) -> Formula:
        """`term is null`: of what does not vary, nobody knows; of a constant, never."""
        nulls = self._nulls(term.parts)
        fixed = [part for part in term.parts if part not in self.terms.varying]
        for part in fixed:
            self._variables[f"unset:{part}"] = Variable((False, True), varies=False)
        names = [*nulls, *(f"unset:{part}" for part in fixed)]

        def value(values: Values) -> Truth:
            found = {values[name] for name in names}
            return True if True in found else MAYBE if MAYBE in found else False

        return value

    def variables(self) -> dict[str, Variable]:
        """What all formulas made here depend on; ask when the last one is made."""
        for key, thresholds in self._thresholds.items():
            parts = self._ordered[key]
            only = next(iter(parts)) if len(parts) == 1 else ""
            least, most = ((0, bound) if bound is not None else None for bound in self.terms.bounds.get(only, _FREE))
            found = sorted(thresholds | {bound for bound in (least, most) if bound})
            ranks = self._ranks[key] = {threshold: 2 * index + 1 for index, threshold in enumerate(found)}
            first = ranks[least] if least else int(found[:1] in ([_NO_TEXT], [_FIRST]))
            last = ranks[most] if most else 2 * len(found) - (found[-1:] == [_LAST])
            varies = any(part in self.terms.varying for part in parts)
            domain = range(first, last + 1)
            self._variables[key] = Variable(domain, varies, leanings=self._leanings(key, domain))
        return self._variables

    def _is_text(self, term: Term) -> bool:
        return bool(term.parts) and self.terms.texts.issuperset(term.parts)

    def _threshold(self, left: Term, right: Term) -> Threshold:
        """Where a constant stands among the others that `left` is compared with."""
        if self._is_text(left):
            return (1, right.word if right.word is not None else right.text or str(right.constant))
        if right.word is not None:
            return _ENDS.get(right.word.lower(), (1, right.word))
        return (0, right.constant)

    def _leanings(self, key: str, domain: Sequence[int]) -> tuple[int, int]:
        """The places with which the fewest and the most of the first comparisons hold."""
        ranks, uses = self._ranks[key], self._uses.get(key, [])[:_LOOKED_AT]

        def holding(place: int) -> int:
            return sum(holds((place > ranks[at]) - (place < ranks[at])) for holds, at in uses)

        some_places = domain[: 2 * _LOOKED_AT]
        return min(some_places, key=holding), max(some_places, key=holding)

    def _against(self, name: str, left: Term, threshold: Threshold) -> Formula:
        """`left name threshold`, with `left`'s factors brought to their smallest spelling."""
        if not left.parts:
            number = left.constant - threshold[1] if threshold[0] == 0 else Fraction(1)
            return constant(COMPARED[name]((number > 0) - (number < 0)))
        key, factor = self._key(left.parts)
        if threshold[0] == 0:
            threshold = (0, (threshold[1] - left.constant) / factor)
        elif factor != 1 or left.constant:
            key, factor = self._key({f"{left}={threshold[1]}": Fraction(1)} | dict.fromkeys(left.parts, Fraction(0)))
        holds = COMPARED[MIRRORED.get(name, name) if factor < 0 else name]
        self._thresholds[key].add(threshold)
        self._uses.setdefault(key, []).append((holds, threshold))
        self.size += 1
        nulls = self._nulls(left.parts)

        def value(values: Values) -> Truth:
            if any(values[null] for null in nulls):
                return None
            place: int | Literal["maybe"] = values[key]
            if place == MAYBE:
                return MAYBE
            rank = self._ranks[key][threshold]
            return holds((place > rank) - (place < rank))

        return value

    def _key(self, parts: Mapping[str, Fraction]) -> tuple[str, Fraction]:
        """One spelling for all multiples of a sum, and the factor by which this one is larger."""
        first = min(parts, key=lambda name: (not parts[name], name))
        factor = parts[first] or Fraction(1)
        key = repr(sorted((name, str(share / factor)) for name, share in parts.items()))
        self._thresholds.setdefault(key, set())
        self._ordered[key] = parts
        return key, factor

    def _nulls(self, parts: Mapping[str, Fraction]) -> list[str]:
        names = [f"null:{part}" for part in parts if part in self.terms.nullable]
        self._variables |= {name: Variable((False, True), varies=True, is_null=True) for name in names}
        return names
