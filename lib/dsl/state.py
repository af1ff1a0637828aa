"""The state of one run as plain data: open frames, context, visits — small, JSON, never changed in place.

A frame is a dict about one open task. Its members:

    id, task, parent      this frame, the reference of its task, the frame it is in (None: the workflow)
    visit, attempt        how often the reference was entered; which try of the same visit (calls)
    started, deadline,    microseconds since 1970: entered, times out, must wake up;
    wake, timeout         `timeout` is the length that the deadline was made from
    raw, input            the task's values
    output, then          what a task that failed while leaving will leave with when retried
    context               the context a call's arguments are evaluated with
    open, function        a call without an answer yet, and what it calls; `remote`: it only has to be
    remote                started, once
    next                  [child, value]: the child to enter next and its raw input (-1: a new iteration)
    items, at             `for`: the collection and the current position
    outputs, left         `fork`: the branches' outputs, and how many are still missing
    phase, error, began,  `try`: "try" or "catch", the caught error, when the first try began,
    retries, delay,       retries so far; of the next one: microseconds until it begins and that it may
    within, limit,        take; the moment at which the one under way takes too long,
    visits, base, peak    the visits to go back to, the numbers that attempts start from and have reached
    listening, types,     `listen`: whether it still takes events, of which types only (None: any), what its
    progress              strategy has seen
    queue, busy, at,      events that wait to be processed, the first of them under way, the position of it;
    processed, heard      what has become of it, of all before it
    step, applies,        an extended task: the step it is at, which extensions apply, the task's own output
    result, after         and what comes next
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple, Self

type Frame = dict[str, Any]

# Grows when the form of a written state changes; whoever changes it reads the older ones, too.
# 1 and 2 are one object with all members and absolute times, as releases before wrote it.
FORMAT = 3
# The members that hold values of the workflow; everything else is ours and small.
VALUES = ("context", "raw", "input", "output", "items", "processed", "result")
LISTS = ("outputs", "queue", "heard")
# What many frames have: not written, nor when a frame was entered with the run, nor a `raw` that is its `input`.
USUAL = {"parent": None, "visit": 1}
# In these a task's frame differs from that of the task before, and a loop's from that of the iteration before.
MOVING = ("visit", "task", "deadline", "wake", "started", "id", "at")


class State(NamedTuple):
    """Where a run is: `frames` in the order of their ids, `visits` of the tasks that it may enter again.

    `ready` are the frames that can go on at once (only when the machine paused).
    """

    run_id: str
    started: int
    input: Any
    frames: Mapping[int, Frame]
    visits: Mapping[str, int]
    context: Any = None
    ready: tuple[int, ...] = ()
    next_id: int = 0
    pure: int = 0
    outcome: Mapping[str, Any] | None = None

    def dump(self, keep: Callable[[Any], int | None] = lambda _: None) -> Any:
        """The state as JSON; a value that several frames hold is written once.

        Of a value that `keep` gives a number, only that is written: whoever loads the state has to have the value.

        `base` is what usually stays from step to step; it need not be written again while it does. In the rest, what a
        step changes comes last: Postgres does not log the beginning of a row that an update leaves alone, while the
        length stays the same.
        """
        values = _Values(keep)
        put = values.put
        base: dict[str, Any] = {"format": FORMAT, "started": self.started, "input": put(self.input)}
        if self.context is not None:
            base["context"] = put(self.context)
        frames = [*self.frames.values()]
        written = [_write_frame(frame, put, self.started) for frame in frames[:-1]]
        values.move_to(base)
        written += [_write_frame(frame, put, self.started) for frame in frames[-1:]]
        base["frames"] = [still for still, _ in written]
        dumped: dict[str, Any] = {"base": base, "run_id": self.run_id}
        if self.visits:
            dumped["visits"] = self.visits
        if self.pure:
            dumped["pure"] = self.pure
        if self.ready:
            dumped["ready"] = self.ready
        if self.outcome:
            dumped["outcome"] = self.outcome
        dumped["moving"] = [moving for _, moving in written]
        dumped["next_id"] = self.next_id
        values.move_to(dumped)
        return dumped

    @classmethod
    def load(cls, dumped: Any, kept: Mapping[int, Any] = MappingProxyType({})) -> Self:
        """The state that `dump` wrote, sharing what was shared; raises ValueError for another format.

        `kept` are the values that have a number.
        """
        base = dumped.get("base", dumped)
        if base["format"] > FORMAT:
            raise ValueError(f"this state has format {base['format']}, not {FORMAT}")
        parts, frames, zero = [base], base["frames"], 0
        if base is not dumped:  # else the releases before wrote it
            parts, zero = [base, dumped], base["started"]
            frames = [still | moving for still, moving in zip(frames, dumped["moving"], strict=True)]
        values = [value for part in parts for value in part["values"]]
        for place, number in [pair for part in parts for pair in part.get("kept", ())]:
            values[place] = kept[number]
        get = values.__getitem__
        read = [_read_frame(frame, get, zero) for frame in frames]
        return cls(
            run_id=dumped["run_id"],
            started=base["started"],
            input=get(base["input"]),
            context=get(base["context"]) if "context" in base else None,
            frames={frame["id"]: frame for frame in sorted(read, key=itemgetter("id"))},
            visits=dumped.get("visits", {}),
            ready=tuple(dumped.get("ready", ())),
            next_id=dumped["next_id"],
            pure=dumped.get("pure", 0),
            outcome=dumped.get("outcome"),
        )


class _Values:
    """The written values, each list or object only once, however many members hold it."""

    def __init__(self, keep: Callable[[Any], int | None]) -> None:
        self._keep = keep
        self._places: dict[int, int] = {}
        self._new: list[Any] = []
        self._kept: list[tuple[int, int]] = []

    def put(self, value: Any) -> int:
        # the state being dumped keeps every value alive, so an id() cannot be taken over meanwhile
        place = self._places.get(id(value))
        if place is None:
            number = self._keep(value)
            self._new.append(value if number is None else None)
            place = self._places[id(value)] = len(self._places)
            if number is not None:
                self._kept.append((place, number))
        return place

    def move_to(self, part: dict[str, Any]) -> None:
        """Those put since the last time; `kept` are the places of those written elsewhere, each with its number."""
        part["values"] = self._new
        if self._kept:
            part["kept"] = self._kept
        self._new, self._kept = [], []


def _write_frame(frame: Frame, put: Callable[[Any], int], zero: int) -> tuple[Frame, Frame]:
    """What stays of it from task to task, and what moves."""
    still = frame.copy()
    still["started"] -= zero
    if not still["started"]:
        del still["started"]
    if still["visit"] == USUAL["visit"]:
        del still["visit"]
    if still["parent"] is None:
        del still["parent"]
    if "input" in still and still["raw"] is still["input"]:
        del still["raw"]
    moving = {member: still.pop(member) for member in MOVING if member in still}
    _convert(still, put)
    return still, moving


def _read_frame(packed: Frame, get: Callable[[int], Any], zero: int) -> Frame:
    frame = {**USUAL, **packed}
    frame.setdefault("raw", packed.get("input"))
    _convert(frame, get)
    frame["started"] = frame.get("started", 0) + zero
    return frame


def _convert(frame: Frame, convert: Callable[[Any], Any]) -> None:
    """Replace each of the frame's values by its place in the list of values, or back."""
    for member in VALUES:
        if member in frame:
            frame[member] = convert(frame[member])
    if "next" in frame:
        child, value = frame["next"]
        frame["next"] = [child, convert(value)]
    for member in LISTS:
        if member in frame:
            frame[member] = [convert(value) for value in frame[member]]
