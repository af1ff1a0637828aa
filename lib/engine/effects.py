"""Run one effect: its arguments, its time limit, and what came back as an arrival, a journal row, a transaction."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from lib import calls, dsl
from lib.dsl import faults
from lib.engine.admission import effect_seconds
from lib.engine.arrivals import Arrived
from lib.engine.hold import Hold
from lib.log import log
from lib.store import StepRow
from lib.store.values import encode

# The state carries an output on to the next tasks and is written at every commit.
LARGEST_OUTPUT_BYTES = 4 * 1024 * 1024


async def perform(hold: Hold, effect: dsl.Effect, clock: Callable[[], datetime]) -> Arrived:
    """Do what the task asks of the world, at most its timeout long; a failure is an arrival, too."""
    context = _context(hold, effect)
    try:
        arrival, step = await _perform(hold, effect, context, clock)
    except BaseException:
        await _roll_back(context)
        raise
    if isinstance(arrival, dsl.Failure):
        await _roll_back(context)
    return Arrived(arrival, step, context.transaction)


async def _roll_back(context: calls.CallContext) -> None:
    while context.transactions:
        await context.transactions.pop().rollback()


async def _perform(
    hold: Hold, effect: dsl.Effect, context: calls.CallContext, clock: Callable[[], datetime]
) -> tuple[dsl.Result | dsl.Failure, StepRow]:
    started_at = clock()
    output: str | None = None
    error: str | None = None
    arrival: dsl.Result | dsl.Failure
    try:
        value = await _call(hold, effect, context)
        output = _encode_output(value)
        arrival = dsl.Result(effect.id, value, context.authorization)
    except dsl.Fault as fault:
        known, error = _encode_fault(fault)
        arrival = dsl.Failure(effect.id, known)
    step = StepRow(effect.reference, effect.visit, effect.attempt, effect.function, output, error, started_at, clock())
    return arrival, step


def _context(hold: Hold, effect: dsl.Effect) -> calls.CallContext:
    return calls.CallContext(
        run_id=hold.id_text,
        reference=effect.reference,
        visit=effect.visit,
        idempotency_key=f"{hold.id_text}:{effect.reference}:{effect.visit}",
        timeout_seconds=effect_seconds(effect),
        secrets=hold.hidden,
    )


async def _call(hold: Hold, effect: dsl.Effect, context: calls.CallContext) -> object:
    """The call's output; raises a Fault that repeats no secret."""
    if hold.state is None:
        raise faults.runtime("The run has no state: internal error.")
    try:
        arguments = dsl.resolve(hold.document, hold.state, effect, secrets=hold.secrets)
        async with asyncio.timeout(context.timeout_seconds):
            return await calls.run(effect.function, arguments, context)
    except TimeoutError:
        raise faults.timeout(f"The call did not end within {context.timeout_seconds:g} s.") from None
    except dsl.Fault as fault:
        raise calls.without_secrets(fault, context.secrets) from None
    except asyncio.CancelledError:
        if _stopped():
            raise
        raise faults.runtime("The call was cancelled from inside.") from None
    except Exception as exc:
        log(
            "call.bug",
            run_id=hold.run_id,
            reference=effect.reference,
            error=calls.strike_out(repr(exc), context.secrets),
        )
        raise faults.runtime("The call failed: internal error.") from exc


def _stopped() -> bool:
    """Whether it is us who cancelled this effect; a task that its own code cancels must still be answered."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _encode_fault(fault: dsl.Fault) -> tuple[dsl.Fault, str]:
    try:
        return fault, encode(fault.to_json())
    except (ValueError, TypeError):
        plain = faults.runtime("The call failed with an error that is not JSON.")
        return plain, encode(plain.to_json())


def _encode_output(value: object) -> str:
    try:
        text = encode(value)
    except (ValueError, TypeError):
        raise faults.runtime("The call's output is not JSON.") from None
    if len(text) > LARGEST_OUTPUT_BYTES:
        raise faults.runtime(f"The call's output has {len(text)} bytes; the limit is {LARGEST_OUTPUT_BYTES}.")
    return text
