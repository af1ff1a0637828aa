"""How what a run did is written down: events and steps as the parts of a commit, and several commits a row.

The form is that of the column ratchet.runs.recent, whose comment tells of it. It is short because every step pays for
it: the usual two events of one, as the contract has them, are twice as long.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple

from lib.store.values import encode, rfc3339

_PREFIX = "io.serverlessworkflow."
_SUFFIX = ".v1"
_STARTED, _COMPLETED = "task.started", "task.completed"
_MICROSECOND = timedelta(microseconds=1)
# An output or error of more characters stands apart: it would be read with every event, and copied once.
LONG = 500
# Events that tell of just this have a short form.
_TOLD_OF_START = ("task", "visit", "attempt", "function")
_TOLD_OF_END = ("task", "visit", "attempt")
_WORKFLOW = ("namespace", "name", "version")


class StepRow(NamedTuple):
    """A finished effect attempt; `output` and `error` are JSON text, one of them None."""

    reference: str
    visit: int
    attempt: int
    function: str
    output: str | None
    error: str | None
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a run's history."""

    seq: int
    type: str
    data: dict[str, Any]
    created_at: datetime

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {"seq": self.seq, "type": self.type, "data": self.data, "created_at": rfc3339(self.created_at)}


@dataclass(frozen=True)
class Step:
    """One finished attempt of an effect."""

    reference: str
    visit: int
    attempt: int
    seq: int
    function: str
    status: str
    output: Any
    error: Any
    started_at: datetime
    finished_at: datetime

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {
            "reference": self.reference,
            "visit": self.visit,
            "attempt": self.attempt,
            "seq": self.seq,
            "function": self.function,
            "status": self.status,
            "output": self.output,
            "error": self.error,
            "started_at": rfc3339(self.started_at),
            "finished_at": rfc3339(self.finished_at),
        }


class Commit(NamedTuple):
    """What one commit told."""

    events: list[Event]
    steps: list[Step]


def write_event(type: str, data: Mapping[str, Any]) -> str:
    """An event of the DSL's lifecycle as a part of a commit; raises ValueError for data that is not JSON."""
    short = _shorten(type)
    members = (*data,)
    if short == _STARTED and members == _TOLD_OF_START:
        return f'["s",{_place(data["task"], data["visit"], data["attempt"])},{_quote(data["function"])}]'
    if short == _COMPLETED and members == _TOLD_OF_END:
        return f'["c",{_place(data["task"], data["visit"], data["attempt"])}]'
    if members == ("workflow",) and isinstance(data["workflow"], dict) and (*data["workflow"],) == _WORKFLOW:
        return f'["{short}",{encode((*data["workflow"].values(),))}]'
    return f'["{short}",{encode(data)}]'


def is_long(step: StepRow) -> bool:
    """Whether it is to stand apart."""
    return len(step.output or step.error or "") > LONG


def write_parts(events: Sequence[str], steps: Sequence[StepRow], began: datetime) -> str:
    """The parts of one commit: its events, already written, and its steps; `began` is when the run was created."""
    parts = [*events]
    for step in steps:
        place = _place(step.reference, step.visit, step.attempt)
        told = f'["c",{place}]'
        at = (step.started_at - began) // _MICROSECOND
        took = (step.finished_at - step.started_at) // _MICROSECOND
        came_to = step.output if step.error is None else f"null,{step.error}"
        more = f"{place},{_quote(step.function)},{at},{took},{came_to}]"
        if told in parts:  # once the event's part is the step's, too, nothing else is told like this
            parts[parts.index(told)] = f'["c",{more}'
        else:
            parts.append(f'["d",{more}')
    return ",".join(parts)


def read_commits(first_seq: int, lines: Sequence[Any], created_at: datetime) -> Iterator[Commit]:
    """The commits in a row of ratchet.journal, oldest first."""
    if lines and isinstance(lines[0], dict):  # a release before has written one commit a row, of events alone
        yield _read_commit(first_seq, lines, created_at, created_at)
        return
    for first, after, *parts in reversed(lines):
        yield _read_commit(first, parts, created_at + after * _MICROSECOND, created_at)


def _read_commit(first_seq: int, parts: Sequence[Any], committed_at: datetime, began: datetime) -> Commit:
    told = [event for part in parts if (event := _read_event(part))]
    events = [Event(seq, *event, committed_at) for seq, event in enumerate(told, first_seq)]
    seq = first_seq - 1 + len(events)
    return Commit(events, [_read_step(seq, began, *part[1:]) for part in parts if _is_step(part)])


def _read_event(part: Any) -> tuple[str, dict[str, Any]] | None:
    match part:
        case {"type": type}:
            return type, part.get("data", {})
        case ["d", *_]:
            return None
        case ["s", place, function]:
            return f"{_PREFIX}{_STARTED}{_SUFFIX}", {**_tell(place), "function": function}
        case ["c", place, *_]:
            return f"{_PREFIX}{_COMPLETED}{_SUFFIX}", _tell(place)
        case [short, [*names]]:
            return f"{_PREFIX}{short}{_SUFFIX}", {"workflow": dict(zip(_WORKFLOW, names, strict=True))}
        case [short, data]:
            return f"{_PREFIX}{short}{_SUFFIX}", data
    raise ValueError(f"no part of a commit is like this one: {str(part)[:80]}")


def _is_step(part: Any) -> bool:
    match part:
        case ["c" | "d", _, _, *_]:
            return True
    return False


def _read_step(
    seq: int, began: datetime, place: Any, function: str, at: int, took: int, output: Any, *error: Any
) -> Step:
    reference, visit, attempt = _tell(place).values()
    status = "failed" if error else "completed"
    started_at = began + at * _MICROSECOND
    finished_at = started_at + took * _MICROSECOND
    said = error[0] if error else None
    return Step(reference, visit, attempt, seq, function, status, output, said, started_at, finished_at)


def _place(task: str, visit: int, attempt: int) -> str:
    """Where in the run: a task that is entered once, and tried once, goes by its reference alone."""
    return _quote(task) if visit == attempt == 1 else f"[{_quote(task)},{visit},{attempt}]"


def _tell(place: Any) -> dict[str, Any]:
    return dict(zip(_TOLD_OF_END, place if isinstance(place, list) else (place, 1, 1), strict=True))


@cache
def _shorten(type: str) -> str:
    """The types of the DSL's events are few."""
    return type.removeprefix(_PREFIX).removesuffix(_SUFFIX)


@lru_cache(maxsize=4096)
def _quote(text: str) -> str:
    return encode(text)
