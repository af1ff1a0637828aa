"""The WHERE rule: the condition of a write must be able to spare a row, whatever else is the case.

A condition is read as a formula over things that vary by row (columns of the changed table) and things that do not
(constants, parameters, functions without columns, other tables, subqueries of their own). It is refused when nothing
in it varies by row, or when the things that do not vary can be such that no row is spared: `id = id`, `true OR …`,
`id > 5 OR id <= 5`, `$1 OR id = 2`. Rows spared only because a column is null do not count.
"""

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lib.dbtool.formulas import Formulas
from lib.dbtool.logic import MAYBE, Formula, Variable
from lib.dbtool.second import Node
from lib.dbtool.source import Source
from lib.dbtool.terms import Target

_SAMPLES = 32
_WORK = 10_000  # comparisons: some 10 ms


def require_condition(wrapped: Node, target: Target, source: Source) -> None:
    """Raises QueryRefused when the condition, a wrapped node, spares no row of the target.

    A table that is joined with all of itself is looked at twice: each row meets, among others, itself.
    """
    twins = target.twins()
    for seen in [target, replace(target, also=twins)] if twins else [target]:
        formulas, formula, by_row, others = _read(wrapped, seen)
        size = formulas.size + len(by_row) + len(others)
        if (seen is target and not by_row) or not all(
            _spares(formula, by_row, fixed, size) for fixed in _fixed(others, size * _SAMPLES)
        ):
            raise source.refused("constant_condition", target.place)


def require_possible(wrapped: Node, target: Target, source: Source) -> None:
    """Raises QueryRefused when the condition holds for no row: then each is one that nothing matches."""
    formulas, formula, by_row, others = _read(wrapped, target)
    variables = by_row | others
    size = formulas.size + len(variables)
    if not any(formula(assignment) is True for assignment in _assignments(variables, size)):
        raise source.refused("constant_condition", target.place)


def _read(wrapped: Node, target: Target) -> tuple[Formulas, Formula, dict[str, Variable], dict[str, Variable]]:
    """A condition as a formula, with what it depends on: what varies by row, and what does not."""
    formulas = Formulas(target)
    formula = formulas.read(wrapped)
    variables = formulas.variables()
    by_row = {name: variable for name, variable in variables.items() if variable.varies}
    return formulas, formula, by_row, {name: one for name, one in variables.items() if not one.varies}


def _spares(formula: Formula, variables: dict[str, Variable], fixed: dict[str, Any], size: int) -> bool:
    """Whether some row without nulls, or some row for which the condition is plainly false, is left alone."""
    for assignment in _assignments(variables, size):
        verdict = formula(fixed | assignment)
        if verdict is False:
            return True
        if verdict is None and not any(variables[name].is_null and value for name, value in assignment.items()):
            return True
    return False


def _fixed(variables: dict[str, Variable], size: int) -> Iterator[dict[str, Any]]:
    """Every combination of values for what does not vary by row; if they are too many, that each may be anything."""
    if _combinations(variables) * size > _WORK:
        yield dict.fromkeys(variables, MAYBE)
        return
    yield from _assignments(variables, size)


def _combinations(variables: dict[str, Variable]) -> int:
    return math.prod(len(variable.domain) for variable in variables.values())


def _assignments(variables: dict[str, Variable], size: int) -> Iterator[dict[str, Any]]:
    """Values for all variables: every combination when they are few, else the likely ones and a fixed sample."""
    for null, leaning in itertools.product((False, True), (0, 1)):
        yield {name: null if one.is_null else one.leanings[leaning] for name, one in variables.items()}
    if _combinations(variables) * size <= _WORK:
        for values in itertools.product(*(variable.domain for variable in variables.values())):
            yield dict(zip(variables, values, strict=True))
        return
    chance = random.Random(0)  # noqa: S311 - a sample, no secret
    for _ in range(_SAMPLES):
        yield {name: chance.choice(one.domain) for name, one in variables.items()}
