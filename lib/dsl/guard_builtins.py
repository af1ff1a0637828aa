"""What jq's own functions cost at worst; one that is not listed, with as many arguments, counts as boundless."""

from collections.abc import Mapping
from functools import partial

from lib.dsl.guard_costs import BYTE, ESCAPED, SMALL, STEP, Estimate, Flow, Rule, Sizes
from lib.dsl.guard_syntax import Node

_BODY = 5 * STEP  # most functions are written in jq themselves
_SORT = 20.0  # looks at each byte: as often as a sort compares, and objects sort their keys for each comparison
_SLOW = 5.0


def _values(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> tuple[Flow, ...]:
    return tuple(estimate.visit(part, dot, sizes) for part in tree.parts)


def _small(
    estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes, *, weight: float = 1, numeric: bool = False
) -> Flow:
    """Looks at its input and arguments; gives a number, a word, or an error."""
    flow = estimate.combine([dot, *_values(estimate, tree, dot, sizes)], dot)
    estimate.spend(flow.many * _BODY + flow.total * BYTE * weight)
    return Flow(flow.many, flow.fan, SMALL, flow.many * SMALL, numeric)


def _copy(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes, *, growth: float = 1, weight: float = 1) -> Flow:
    """Makes something new of its input and arguments, so many times as long."""
    flow = estimate.combine([dot, *_values(estimate, tree, dot, sizes)], dot, growth)
    estimate.spend(flow.many * _BODY + flow.total * BYTE * weight)
    return flow


def _search(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """Compares all inside its input with all inside its argument."""
    (part,) = _values(estimate, tree, dot, sizes)
    estimate.spend(dot.many * part.fan * dot.size * part.size * BYTE / 4)
    return _small(estimate, tree, dot, sizes)


def _constant(_estimate: Estimate, _tree: Node, dot: Flow, _sizes: Sizes, *, numeric: bool = False) -> Flow:
    return Flow(dot.many, 1, SMALL, dot.many * SMALL, numeric)


def _same(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """Its input, or nothing; once for each value of its argument."""
    flow = dot
    for condition in _values(estimate, tree, dot, sizes):
        flow = flow.times(condition.fan)
    estimate.spend(flow.many * _BODY)
    return flow


def _thrown(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """An error with the value of its argument."""
    return estimate.visit(tree.parts[0], dot, sizes)


def _of_all(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """What the argument gives for each element of the input."""
    elements = estimate.iterate(dot)
    estimate.spend(elements.many * _BODY)
    flow = estimate.visit(tree.parts[0], elements, sizes)
    return flow._replace(fan=flow.fan * elements.fan)


def _map(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    return estimate.collect(_of_all(estimate, tree, dot, sizes), dot)


def _decide(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """True or false about all elements."""
    _of_all(estimate, tree, dot, sizes)
    return Flow(dot.many, 1, SMALL, dot.many * SMALL)


def _sort_by(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """Makes a key for each element, then sorts; groups add brackets."""
    keys = _map(estimate, tree, dot, sizes)
    estimate.spend((dot.total + keys.total) * BYTE * _SORT)
    return estimate.combine([dot], dot, growth=2)


def _one(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """One of the argument's values, at worst after all the others."""
    flow = estimate.visit(tree.parts[0], dot, sizes)
    return Flow(dot.many, 1, flow.size, min(flow.total, dot.many * flow.size), flow.numeric)


def _add(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """The sum of the argument's values."""
    flow = estimate.collect(estimate.visit(tree.parts[0], dot, sizes), dot)
    estimate.spend(flow.total * BYTE * _SLOW)
    return estimate.combine([flow], dot)


def _join(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """The elements as one text, the argument between them."""
    (separator,) = _values(estimate, tree, dot, sizes)
    elements = estimate.iterate(dot).times(separator.fan)
    per_input = elements.fan / separator.fan
    size = ESCAPED * dot.size + per_input * separator.size
    total = ESCAPED * dot.total * separator.fan + elements.many * separator.size
    estimate.spend(elements.many * _BODY * 2 + total * BYTE)
    return Flow(dot.many * separator.fan, separator.fan, size, total)


def _with_entries(estimate: Estimate, tree: Node, dot: Flow, sizes: Sizes) -> Flow:
    """`to_entries`, then the argument on each, then `from_entries`."""
    entries = _ENTRIES(estimate, tree._replace(parts=()), dot, sizes)
    mapped = _map(estimate, tree, entries, sizes)
    return _FROM_ENTRIES(estimate, tree._replace(parts=()), mapped, sizes)


_NUMBER = partial(_small, numeric=True)
_ENTRIES = partial(_copy, growth=16, weight=_SLOW)  # `1,` becomes `{"key":10000,"value":1},`
_FROM_ENTRIES = partial(_copy, growth=2, weight=_SLOW)


def _named(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


RULES: Mapping[str, Rule] = {
    **_named(_constant, "null/0 true/0 false/0 empty/0"),
    **_named(partial(_constant, numeric=True), "now/0 nan/0 infinite/0"),
    **_named(_same, "values/0 nulls/0 booleans/0 numbers/0 strings/0 arrays/0 objects/0 iterables/0 scalars/0"),
    **_named(_same, "select/1 error/0 first/0 last/0"),
    **_named(_thrown, "error/1"),
    **_named(_small, "type/0 not/0 isnan/0 isinfinite/0 isnormal/0 toboolean/0 any/0 all/0 isfinite/0"),
    **_named(_small, "startswith/1 endswith/1 has/1 in/1"),
    **_named(_NUMBER, "length/0 utf8bytelength/0 floor/0 ceil/0 round/0 trunc/0 sqrt/0 fabs/0"),
    **_named(partial(_small, weight=_SLOW, numeric=True), "tonumber/0"),
    **_named(partial(_copy, growth=ESCAPED), "tostring/0 tojson/0"),
    **_named(partial(_copy, growth=ESCAPED, weight=_SLOW), "fromjson/0 split/1"),
    **_named(_copy, "abs/0 ltrimstr/1 rtrimstr/1 trimstr/1 trim/0 ltrim/0 rtrim/0"),
    **_named(partial(_copy, weight=_SORT * 2), "ascii_downcase/0 ascii_upcase/0 reverse/0"),
    **_named(partial(_copy, growth=4, weight=_SLOW), "keys/0 keys_unsorted/0"),
    **_named(partial(_copy, weight=_SLOW), "add/0"),
    **_named(partial(_copy, weight=_SORT), "min/0 max/0 sort/0 unique/0"),
    **_named(_sort_by, "min_by/1 max_by/1 sort_by/1 unique_by/1 group_by/1"),
    **_named(_search, "contains/1 inside/1"),
    **_named(_ENTRIES, "to_entries/0"),
    **_named(_FROM_ENTRIES, "from_entries/0"),
    **_named(_with_entries, "with_entries/1"),
    **_named(_map, "map/1"),
    **_named(_decide, "any/1 all/1"),
    **_named(_one, "first/1 last/1"),
    **_named(_add, "add/1"),
    **_named(_join, "join/1"),
}
