"""Whether a `try` catches a fault, whether it tries again, and after how long."""

import hashlib
from dataclasses import dataclass
from typing import Any

from lib.dsl.document import Catch, Retry, Try
from lib.dsl.faults import Fault, canonical_type
from lib.dsl.state import Frame
from lib.dsl.transforms import micros
from lib.dsl.work import Work

# 2^32 times any delay is for ever; the exponent stops there, as it does in the Java SDK
LARGEST_EXPONENT = 32


def remember(work: Work, body: Try, frame: Frame) -> None:
    """Notes, as a `try` begins, what its retries will go back to."""
    base = _base(work, frame)
    frame.update(
        phase="try",
        began=work.now,
        retries=0,
        base=base,
        peak=base,
        visits={name: work.visits[name] for name in body.below if name in work.visits},
    )


def next_attempt(work: Work, frame: Frame) -> int:
    """The number of a call's try: above every number that the same visit can have had before."""
    return 1 + _base(work, frame) if frame["task"] in work.document.tried else 1


def note_attempt(work: Work, frame: Frame) -> None:
    """Lets the `try` tasks around a call know how far the numbers have got."""
    if frame["task"] not in work.document.tried:
        return
    for outer in work.tries_around(frame):
        if outer["peak"] < frame["attempt"]:
            work.edit(outer)["peak"] = frame["attempt"]


@dataclass(frozen=True, slots=True)
class Decision:
    """How a caught fault is dealt with: another try after `delay` microseconds, or none (None).

    `within` is how long that try may take.
    """

    delay: int | None = None
    within: int | None = None


def decide(work: Work, frame: Frame, fault: Fault) -> Decision | None:
    """What this `try` does about the fault; None: it lets it pass. Raises the Fault of a broken condition."""
    catch = _body(work, frame).catch
    if frame["phase"] != "try" or not (_matches(catch, fault) and _agrees(work, frame, catch, fault)):
        return None
    if catch.retry is None:
        return Decision()
    decision = _next_try(work, frame, catch.retry, fault)
    # an exhausted policy has not handled anything: only a `catch.do` does
    return decision if decision.delay is not None or catch.tasks is not None else None


def _next_try(work: Work, frame: Frame, retry: Retry, fault: Fault) -> Decision:
    number = frame["retries"] + 1
    if not _agrees(work, frame, retry, fault) or (retry.count is not None and number > retry.count):
        return Decision()
    length = _backoff(retry, micros(work, frame, retry.delay), number)
    length += _jitter(work, retry, frame, number)
    spent = work.now - frame["began"]
    if retry.duration is not None and spent + length > micros(work, frame, retry.duration):
        return Decision()
    within = retry.attempt_duration
    return Decision(length, None if within is None else micros(work, frame, within))


def take_back(work: Work, frame: Frame) -> None:
    """Readies a `try` for its next try: the visits of the tasks inside go back to what they were."""
    for name in _body(work, frame).below:
        work.visits.pop(name, None)
    work.visits.update(frame["visits"])
    frame = work.edit(frame)
    frame["retries"] += 1
    frame["base"] = frame["peak"]


def _base(work: Work, frame: Frame) -> int:
    """The highest attempt that was given away before the retry that this frame is part of."""
    for outer in work.tries_around(frame):
        if outer["phase"] == "try":
            base: int = outer["base"]
            return base
    return 0


def _body(work: Work, frame: Frame) -> Try:
    body = work.task_of(frame).body
    assert isinstance(body, Try)  # noqa: S101  # asked about `try` frames only
    return body


def _matches(catch: Catch, fault: Fault) -> bool:
    error = fault.to_json()
    for key, wanted in catch.errors.items():
        found = error.get("detail" if key == "details" else key)
        if key == "type":
            wanted, found = canonical_type(wanted), canonical_type(fault.type)
        if found != wanted:
            return False
    return True


def _agrees(work: Work, frame: Frame, conditions: Catch | Retry, fault: Fault) -> bool:
    """Whether `when` holds and `exceptWhen` does not; both look at the error."""
    error: Any = fault.to_json()
    extra = {_body(work, frame).catch.variable: error}
    if conditions.when is not None and not work.holds(conditions.when, frame, error, extra):
        return False
    return conditions.except_when is None or not work.holds(conditions.except_when, frame, error, extra)


def _backoff(retry: Retry, length: int, number: int) -> int:
    match retry.backoff:
        case "linear":
            return length * number
        case "exponential":
            return length << min(number, LARGEST_EXPONENT)
        case _:
            return length


def _jitter(work: Work, retry: Retry, frame: Frame, number: int) -> int:
    """A length between the policy's bounds: random to look at, the same whenever it is asked for."""
    if retry.jitter is None:
        return 0
    low, high = (micros(work, frame, bound) for bound in retry.jitter)
    seed = f"{work.run_id}:{frame['task']}:{frame['visit']}:{frame['base']}:{number}"
    share = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]) / 2**64
    return low + round(share * max(0, high - low))
