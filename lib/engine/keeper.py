"""Large values of a run's state, each stored once, however many commits its state goes through.

A state is written at every commit of its run. What it carries on and on, a collection that is iterated over, say, would
be most of what such a commit costs.
"""

from collections.abc import Mapping, Sequence
from operator import is_
from types import MappingProxyType
from typing import Any, NamedTuple

from lib import dsl
from lib.store import Entry
from lib.store.values import encode

# About as many characters of JSON. Writing and deleting a row costs some 230 bytes of log: a value this large may do so
# at every step, the usual one is carried through several.
LARGE = 2048


class Base(NamedTuple):
    """That part of a state which usually stays: what it says of the run, as text, its values, and its size in bytes."""

    text: str
    values: Sequence[Any]
    size: int


NO_BASE = Base("", (), 0)


class Known(NamedTuple):
    """A value (held here, so that its id stays its own), its number if it is large, and its size in bytes then."""

    value: Any
    number: int | None
    size: int


NOTHING_KNOWN: Mapping[int, Known] = MappingProxyType({})


class Written(NamedTuple):
    """A state as it is to be stored, the values to store beside it, and the numbers of those it needs no more.

    `base` is its base as text, None if that is stored already; `on` is the base that it needs. `size` is all that it
    carries, in bytes.
    """

    state: str | None
    base: str | None
    on: Base
    size: int
    kept: Sequence[tuple[int, str]] = ()
    forgotten: Sequence[int] = ()
    known: Mapping[int, Known] = NOTHING_KNOWN

    @property
    def is_based(self) -> bool:
        """Whether a base belongs to it."""
        return self.on is not NO_BASE

    def add_to(self, entry: Entry) -> Entry:
        """The entry with this state."""
        return entry._replace(
            state=self.state, state_base=self.base, based=self.is_based, kept=self.kept, forgotten=self.forgotten
        )


NOT_WRITTEN = Written(None, None, NO_BASE, 0)


class Keeper:
    """Knows which values of one held run are stored, as of the last entry that was `accepted`."""

    def __init__(self, kept: Mapping[int, Any]) -> None:
        self._known: Mapping[int, Known] = {
            id(value): Known(value, number, len(encode(value))) for number, value in kept.items()
        }
        self._last = max(kept, default=0)
        self._base = NO_BASE
        self.numbers = [*kept]  # of all values that are stored

    def write(self, state: dsl.State, *, whole: bool = False) -> Written:
        """The state and what goes with it; nothing has changed until that is accepted.

        `whole`: its base is to stand in it. So whoever still holds an older state finds no base for it, and lets go.
        """
        if not self.numbers:  # asking about each value costs a tenth of a small step
            text, base, on = self._encode(state.dump(), whole=whole)
            size = len(text) + on.size
            if size <= 2 * LARGE:
                return Written(text, base, on, size)
        return self._write_apart(state, whole=whole)

    def _write_apart(self, state: dsl.State, *, whole: bool) -> Written:
        known: dict[int, Known] = {}
        new: list[tuple[int, str]] = []

        def keep(value: Any) -> int | None:
            if not isinstance(value, dict | list | str):
                return None
            one = self._known.get(id(value))
            if one is None and _is_large(value):
                text = encode(value)
                new.append((self._last + len(new) + 1, text))
                one = Known(value, new[-1][0], len(text))
            one = known[id(value)] = one or Known(value, None, 0)
            return one.number

        text, base, on = self._encode(state.dump(keep), whole=whole)
        size = len(text) + on.size + sum(one.size for one in known.values())
        needed = {one.number for one in known.values()}
        forgotten = [number for number in self.numbers if number not in needed]
        return Written(text, base, on, size, new, forgotten, known)

    def _encode(self, dumped: dict[str, Any], *, whole: bool) -> tuple[str, str | None, Base]:
        """The state but its base, the base as text if it is another, and what it is; the run's id stands in its row."""
        if whole:
            return encode(dumped), None, NO_BASE
        base = dumped.pop("base")
        del dumped["run_id"]
        values = base.pop("values")
        ours = encode(base)
        if ours == self._base.text and _are_the_same(values, self._base.values):
            return encode(dumped), None, self._base
        text = f'{ours[:-1]},"values":{encode(values)}}}'
        return encode(dumped), text, Base(ours, values, len(text))

    def accept(self, written: Written) -> None:
        """It is part of an entry now."""
        self._known = written.known
        self._last += len(written.kept)
        self._base = written.on
        self.numbers = [one.number for one in written.known.values() if one.number is not None]


def _are_the_same(values: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether they are the very same: nothing is changed in place, but what is equal may be written differently."""
    return len(values) == len(others) and all(map(is_, values, others))


def _is_large(value: Any) -> bool:
    """Whether its JSON has more than about LARGE characters; looks at no more of it than it takes to tell."""
    left, open_ = LARGE, [value]
    while open_:
        one = open_.pop()
        left -= 4
        if isinstance(one, str):
            left -= len(one) if one.isascii() else 6 * len(one)  # as it is escaped
        elif isinstance(one, dict):
            left -= 4 * len(one) + sum(map(len, one))
            open_ += one.values() if left > 0 else ()
        elif isinstance(one, list):
            open_ += one if 4 * len(one) < left else one[: left + 1]
        if left < 0:
            return True
    return False
