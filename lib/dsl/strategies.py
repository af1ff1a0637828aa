"""Which events are wanted: filters, correlations, and the strategies that combine them. Progress is plain data."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib.dsl.expressions import Template, is_expression, unwrap
from lib.dsl.faults import Fault
from lib.dsl.limits import EVENT_NAME_BYTES, UNSTORABLE

type Compile = Callable[[Any], Template]
type Event = Mapping[str, Any]
# What a strategy has seen: {"left": filters without an event, "keys": correlations, "until": the same of `until`}
type Progress = dict[str, Any]

MISSING = object()


@dataclass(frozen=True, slots=True)
class Correlation:
    """What ties events together: a value `found` in each, and the one `expected` (None: that of the first)."""

    name: str
    found: Template
    expected: Template | None


@dataclass(frozen=True, slots=True)
class Filter:
    """What an event must have; the attributes are literals, or templates that stand inside them."""

    attributes: Mapping[str, Any]
    correlations: tuple[Correlation, ...]


@dataclass(frozen=True, slots=True)
class Strategy:
    """`one`, `any` or `all` of the filters; `any` goes on until a condition or another strategy is met."""

    mode: str
    filters: tuple[Filter, ...]
    until: Template | None = None
    until_events: "Strategy | None" = None
    endless: bool = False

    @property
    def types(self) -> tuple[str, ...] | None:
        """The only types it can want; None if that cannot be told."""
        stopping = () if self.until_events is None else self.until_events.types
        found = [filter.attributes.get("type") for filter in self.filters]
        names = {name for name in found if isinstance(name, str)}
        if not found or stopping is None or not all(name in names for name in found):
            return None
        return tuple(sorted(names.union(stopping)))

    @property
    def sources(self) -> dict[str, list[str]]:
        """The only sources it can want of these types, which are among those of `types`; of others, any."""
        found: dict[str, list[Any]] = {}
        for filter in self._filters() if self.types else ():
            found.setdefault(filter.attributes["type"], []).append(filter.attributes.get("source"))
        return {name: sorted(set(sources)) for name, sources in found.items() if all(map(_is_source, sources))}

    def _filters(self) -> Iterator[Filter]:
        yield from self.filters
        if self.until_events is not None:
            yield from self.until_events._filters()


@dataclass(frozen=True, slots=True)
class Place:
    """Who listens: how expressions are evaluated there (on a given value; raises Fault), and its own input."""

    evaluate: Callable[[Template, Any], Any]
    input: Any = None


@dataclass(frozen=True, slots=True)
class Offer:
    """An event that was taken: the new progress, whether it is one of the results, whether it was the last."""

    progress: Progress
    wanted: bool
    done: bool


def compile_strategy(definition: Mapping[str, Any], bare: Compile) -> Strategy:
    """The strategy of a `to`, an `until` or an `on`; `bare` compiles what is an expression without `${ }`, too."""
    mode = next(mode for mode in ("one", "any", "all") if mode in definition)
    filters = definition[mode]
    until = definition.get("until")
    condition = until if isinstance(until, str) and mode == "any" else None
    return Strategy(
        mode=mode,
        filters=tuple(_filter(entry, bare) for entry in ([filters] if mode == "one" else filters)),
        until=None if condition is None else bare(condition),
        until_events=compile_strategy(until, bare) if isinstance(until, dict) and mode == "any" else None,
        endless=condition is not None and unwrap(condition).strip() == "false",
    )


def begin(strategy: Strategy) -> Progress:
    """The progress before the first event."""
    until = None if strategy.until_events is None else begin(strategy.until_events)
    return {"left": list(range(len(strategy.filters))), "keys": {}, "until": until}


def offer(strategy: Strategy, progress: Progress, event: Event, place: Place) -> Offer | None:
    """What becomes of the event; None: it is not wanted. The given progress stays as it is."""
    if strategy.until_events is not None:
        stopped = offer(strategy.until_events, progress["until"], event, place)
        if stopped is not None:
            return Offer({**progress, "until": stopped.progress}, wanted=False, done=stopped.done)
    if strategy.mode == "any" and not strategy.filters:
        return Offer(progress, wanted=True, done=_ends_at_once(strategy))
    for index in progress["left"]:
        keys = _match(strategy.filters[index], event, progress["keys"], place)
        if keys is not None:
            left = progress["left"]
            if strategy.mode == "all":
                left = [other for other in left if other != index]
            done = not left if strategy.mode == "all" else _ends_at_once(strategy)
            return Offer({**progress, "left": left, "keys": keys}, wanted=True, done=done)
    return None


def _is_source(value: Any) -> bool:
    """Whether this is a constant, of those that the source of an event can be."""
    return isinstance(value, str) and not UNSTORABLE.search(value) and len(value.encode()) <= EVENT_NAME_BYTES


def _ends_at_once(strategy: Strategy) -> bool:
    return strategy.until is None and strategy.until_events is None


def _filter(definition: Mapping[str, Any], bare: Compile) -> Filter:
    correlations = definition.get("correlate") or {}
    return Filter(
        attributes={name: _wanted(value, bare) for name, value in definition["with"].items()},
        correlations=tuple(
            Correlation(name, bare(entry["from"]), _expected(entry.get("expect"), bare))
            for name, entry in correlations.items()
        ),
    )


def _wanted(value: Any, bare: Compile) -> Any:
    if is_expression(value):
        return bare(value)
    if isinstance(value, dict):
        return {key: _wanted(child, bare) for key, child in value.items()}
    if isinstance(value, list):
        return [_wanted(child, bare) for child in value]
    return value


def _expected(text: str | None, bare: Compile) -> Template | None:
    if text is None:
        return None
    if is_live(text):
        return bare(text)
    return Template(lambda _input, _variables: text, frozenset())


def is_live(expect: str) -> bool:
    """Whether an `expect` is an expression rather than a constant."""
    return is_expression(expect) or expect.startswith((".", "$"))


def _match(filter: Filter, event: Event, keys: Mapping[str, Any], place: Place) -> dict[str, Any] | None:
    """The correlations after this event, or None if it does not match; an expression that fails does not match."""
    try:
        for name, wanted in filter.attributes.items():
            value = event.get(name, MISSING)
            if not (_fits(wanted, value, place) or (name == "time" and _is_same_moment(wanted, value))):
                return None
        known = dict(keys)
        for correlation in filter.correlations:
            found = place.evaluate(correlation.found, dict(event))
            expected = _expectation(correlation, known, found, place)
            if found is None or not same(found, expected):
                return None
            known[correlation.name] = found
    except Fault:
        return None
    return known


def _expectation(correlation: Correlation, known: Mapping[str, Any], found: Any, place: Place) -> Any:
    if correlation.expected is not None:
        return place.evaluate(correlation.expected, place.input)
    return known.get(correlation.name, found)


def _fits(wanted: Any, found: Any, place: Place) -> bool:
    """Whether a value is as wanted: equal, at least with the named properties, or agreed to by an expression."""
    if isinstance(wanted, Template):
        result = place.evaluate(wanted, None if found is MISSING else found)
        return result if isinstance(result, bool) else found is not MISSING and same(result, found)
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            _fits(value, found.get(key, MISSING), place) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(_fits(one, other, place) for one, other in zip(wanted, found, strict=True))
        )
    return found is not MISSING and same(wanted, found)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; in JSON, true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _is_same_moment(one: Any, other: Any) -> bool:
    """Whether two times are one moment, in whatever time zone each is written."""
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (TypeError, ValueError):
        return False
