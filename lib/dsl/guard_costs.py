"""How much an expression can cost at worst, from its text alone: how many outputs, how large, after how much work.

Rule: every number is an upper bound for inputs of a given size. What is not known to be bounded costs too much.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from lib.dsl.guard_syntax import ASSIGNING, Node

BUDGET = 2_500_000.0  # nanoseconds
SIZES = (8_192, 2_048, 512, 128)
STEP, BYTE = 150.0, 30.0  # nanoseconds: one node on one value, one byte looked at or copied
PASS = 120.0  # nanoseconds for each byte that is encoded, parsed, printed and decoded
ARITHMETIC = frozenset("-*/%")  # `sandbox` sees to it that they meet nothing but numbers here
SMALL = 32.0  # bytes: the longest number, or one word
ESCAPED = 8.0  # how much longer a text can become when it is escaped, twice


class TooCostlyError(Exception):
    """The work is, or may be, more than the budget."""


class Flow(NamedTuple):
    """Values on their way through an expression, all sizes in bytes of JSON."""

    many: float  # how many there are
    fan: float  # of values that one input can give
    size: float  # of the largest value
    total: float  # of all values
    numeric: bool = False  # certainly numbers
    constant: bool = False  # certainly known when the expression is compiled, so perhaps calculated then

    def times(self, fan: float) -> "Flow":
        """Each of the values so many times."""
        return self._replace(many=self.many * fan, fan=self.fan * fan, total=self.total * fan)


type Sizes = Mapping[str, float]  # of the variables that the expression binds itself
type Rule = Callable[["Estimate", Node, Flow, Sizes], Flow]


def affordable_size(tree: Node, rules: Mapping[str, Rule]) -> int:
    """The largest input, in bytes of JSON, on which the expression is certain to stay in the budget; 0 for none."""
    for size in SIZES:
        try:
            Estimate(size, rules).check(tree)
        except TooCostlyError:
            continue
        return size
    return 0


class Estimate:
    """Walks an expression once, with all values that ever meet a node flowing through it together."""

    def __init__(self, size: float, rules: Mapping[str, Rule]) -> None:
        self._size = size
        self._rules = rules
        self._work = size * PASS
        self._largest = size

    def check(self, tree: Node) -> None:
        """Raises TooCostlyError if the expression, with its result, may not stay in the budget."""
        self.spend(self.visit(tree, Flow(1, 1, self._size, self._size), {}).size * PASS)

    def spend(self, work: float) -> None:
        """Adds work; raises TooCostlyError when it is too much."""
        self._work += work
        if not self._work <= BUDGET:
            raise TooCostlyError

    def visit(self, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
        """What comes out when the values of `dot` meet the node."""
        self.spend(dot.many * STEP)
        rule = self._rules.get(tree.value) if tree.kind == "call" else _KINDS.get(tree.kind)
        if rule is None:
            raise TooCostlyError
        flow = rule(self, tree, dot._replace(fan=1, numeric=False, constant=False), sizes)
        self._largest = max(self._largest, flow.size)
        return flow

    def variable(self, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
        """A variable once for each value; one that is given is as large as all that is given."""
        size = sizes.get(tree.value, self._size)
        return Flow(dot.many, 1, size, dot.many * size)

    def attempt(self, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
        """`try`: the handler meets a message or any value that the body may have thrown."""
        flow = self.visit(tree.parts[0], dot, sizes)
        for handler in tree.parts[1:]:
            thrown = self._largest + 10 * SMALL
            flow = _either(flow, self.visit(handler, Flow(dot.many, 1, thrown, dot.many * thrown), sizes))
        return flow

    def combine(self, flows: list[Flow], dot: Flow, growth: float = 1, added: float = SMALL) -> Flow:
        """One value of each combination of the flows' values, from all of them together."""
        fan = math.prod(flow.fan for flow in flows)
        count = dot.many * fan
        total = sum(flow.total * fan / flow.fan for flow in flows)
        size = growth * sum(flow.size for flow in flows) + added
        self.spend(count * STEP)
        return Flow(count, fan, size, growth * total + count * added)

    def collect(self, flow: Flow, dot: Flow) -> Flow:
        """All values of each input as one array."""
        self.spend(flow.many * STEP)
        total = flow.total + flow.many + 2 * dot.many
        size = min(flow.fan * (flow.size + 1) + 2, total)
        return Flow(dot.many, 1, size, total)

    def iterate(self, flow: Flow) -> Flow:
        """All elements; the shortest takes two bytes, its comma counted."""
        count = max(flow.many, flow.total / 2)
        self.spend(count * STEP)
        return Flow(count, flow.fan * max(1, flow.size / 2), flow.size, max(flow.total, count))


def _either(*flows: Flow) -> Flow:
    return Flow(
        sum(flow.many for flow in flows),
        sum(flow.fan for flow in flows),
        max(flow.size for flow in flows),
        sum(flow.total for flow in flows),
        all(flow.numeric for flow in flows),
    )


def _dot(_estimate: Estimate, _tree: Node, dot: Flow, _sizes: Sizes) -> Flow:
    return dot


def _literal(_estimate: Estimate, tree: Node, dot: Flow, _sizes: Sizes) -> Flow:
    size = len(tree.value) * 4 + SMALL
    return Flow(dot.many, 1, size, dot.many * size, tree.kind == "number", True)


def _template(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    flow = estimate.combine([estimate.visit(part, dot, sizes) for part in tree.parts], dot, ESCAPED)
    size = len(tree.value) * 6
    flow = flow._replace(size=flow.size + size, total=flow.total + flow.many * size, constant=not tree.parts)
    estimate.spend(flow.total * BYTE)
    return flow


def _format(estimate: Estimate, _tree: Node, dot: Flow, _sizes: Sizes) -> Flow:
    estimate.spend(dot.total * BYTE)
    return estimate.combine([dot], dot, ESCAPED)


def _field(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    return estimate.visit(tree.parts[0], dot, sizes)._replace(numeric=False, constant=False)


def _index(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """A position, a key, or an array to be searched for in the array."""
    target, key = (estimate.visit(part, dot, sizes) for part in tree.parts)
    if not key.numeric:
        estimate.spend(target.many * key.fan * target.size * key.size * BYTE)
    return target._replace(numeric=False, constant=False).times(key.fan)


def _slice(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    target, *ends = (estimate.visit(part, dot, sizes) for part in tree.parts)
    flow = target.times(math.prod(end.fan for end in ends))
    estimate.spend(flow.total * BYTE)
    return flow._replace(numeric=False, constant=False)


def _iterate(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    return estimate.iterate(estimate.visit(tree.parts[0], dot, sizes))


def _array(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    if not tree.parts:
        return Flow(dot.many, 1, 2, dot.many * 2, constant=True)
    flow = estimate.visit(tree.parts[0], dot, sizes)
    return estimate.collect(flow, dot)._replace(constant=flow.constant)


def _object(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    flows = [estimate.visit(part, dot, sizes) for part in tree.parts]
    flow = estimate.combine(flows, dot, added=4.0 * len(flows))
    estimate.spend(flow.many * len(flows) * STEP)
    return flow._replace(constant=all(flow.constant for flow in flows))


def _minus(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    flow = estimate.visit(tree.parts[0], dot, sizes)
    return Flow(flow.many, flow.fan, SMALL, flow.many * SMALL, flow.numeric, flow.constant)


def _operator(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    if tree.value in ASSIGNING:
        raise TooCostlyError
    left, right = (estimate.visit(part, dot, sizes) for part in tree.parts)
    if tree.value == "//":
        return _either(left, right)
    flow = estimate.combine([left, right], dot)
    constant = left.constant and right.constant
    if tree.value == "+":
        estimate.spend(flow.total * BYTE)
        return flow._replace(numeric=left.numeric and right.numeric, constant=constant)
    flow = Flow(flow.many, flow.fan, SMALL, flow.many * SMALL, tree.value in ARITHMETIC, constant)
    if flow.numeric:  # of numbers, or not here
        if any(side.constant and not side.numeric for side in (left, right)):
            raise TooCostlyError
        return flow
    if tree.value not in ("and", "or"):
        estimate.spend(flow.many * min(left.size, right.size) * BYTE * 4)
    return flow._replace(constant=False)


def _comma(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    return _either(*(estimate.visit(part, dot, sizes) for part in tree.parts))


def _pipe(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    flow, fan = dot, 1.0
    for part in tree.parts:
        flow = estimate.visit(part, flow, sizes)
        fan *= flow.fan
    return flow._replace(fan=fan, constant=False)


def _if(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """Condition, result, condition, result, …, other result: all of them, one after the other."""
    flows, met = [], dot
    for place, part in enumerate(tree.parts):
        flow = estimate.visit(part, met, sizes)
        if place % 2 or part is tree.parts[-1]:
            flows.append(flow._replace(fan=flow.fan * met.fan))
        else:
            met = met.times(flow.fan)
    return _either(*flows)


def _bind(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    source = estimate.visit(tree.parts[0], dot, sizes)
    body = estimate.visit(tree.parts[1], dot.times(source.fan), {**sizes, tree.value: source.size})
    return body._replace(fan=body.fan * source.fan, constant=False)


_KINDS: Mapping[str, Rule] = {
    "dot": _dot,
    "number": _literal,
    "string": _literal,
    "template": _template,
    "format": _format,
    "variable": Estimate.variable,
    "field": _field,
    "index": _index,
    "slice": _slice,
    "iterate": _iterate,
    "array": _array,
    "object": _object,
    "minus": _minus,
    "operator": _operator,
    "comma": _comma,
    "pipe": _pipe,
    "if": _if,
    "bind": _bind,
    "try": Estimate.attempt,
}
