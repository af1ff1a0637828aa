"""Starts what starts by itself: by the clock, after the latest run, or for events; missed ticks are not made up for."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lib import dsl, store
from lib.dsl import cron
from lib.dsl.document import Schedule
from lib.engine.documents import load_document
from lib.log import log
from lib.store import DueSchedule

# Per sweep; the longest due go first.
SCHEDULES = 200


async def start_scheduled() -> list[UUID]:
    """Start the runs that are due, each once however many sweeps see it; answers their ids."""
    started: list[UUID] = []
    for due in await store.due_schedules(limit=SCHEDULES):
        try:
            document = await load_document(due.document)
            started += await _move(due, document)
        except dsl.Fault as fault:  # published by a release that knew more
            log("engine.schedule_unreadable", workflow_id=due.workflow_id, error=fault.detail)
    return started


async def _move(due: DueSchedule, document: dsl.Document) -> list[UUID]:
    schedule = document.schedule or Schedule()
    if due.turn == 0:  # from now on
        tick = _next_tick(schedule, due.now, due.now)
        types = () if schedule.on is None else schedule.on.types or (None,)
        return await store.move_schedule(due, tick_at=tick, next_at=_next_look(schedule, due, tick), types=types)
    inputs: list[Any] = []
    tick = due.tick_at
    if tick and tick <= due.now:
        inputs.append({})
        tick = _next_tick(schedule, tick, due.now)
    if schedule.after is not None and due.ended_at and due.ended_at + timedelta(seconds=schedule.after) <= due.now:
        inputs.append({})
    mail = await store.read_inbox(due.workflow_id) if schedule.on else []
    kept, taken = due.kept, []
    for one in mail:
        gathered = dsl.gather(document, kept, one["event"])
        if gathered is not None:
            kept = gathered.kept
            taken.append(one["number"])
            inputs += [] if gathered.input is None else [gathered.input]
    next_at = _next_look(schedule, due, tick)
    if not (inputs or mail) and next_at == due.now:
        return []
    return await store.move_schedule(
        due, tick_at=tick, next_at=next_at, kept=kept, read=[one["id"] for one in mail], taken=taken, inputs=inputs
    )


def _next_tick(schedule: Schedule, tick: datetime, now: datetime) -> datetime | None:
    """The first moment after now that the clock names; `every` counts from the tick before."""
    ticks = []
    if schedule.every is not None:
        every = timedelta(seconds=schedule.every)
        ticks.append(tick + every * ((now - tick) // every + 1))
    if schedule.cron is not None:
        ticks.append(cron.parse(schedule.cron).next_after(now))
    return min(ticks, default=None)


def _next_look(schedule: Schedule, due: DueSchedule, tick: datetime | None) -> datetime | None:
    """When a sweep has to look again: `after` is looked at by every sweep, until the latest run has ended."""
    if schedule.after is None:
        return tick
    ended = due.ended_at and due.ended_at + timedelta(seconds=schedule.after)
    look = ended if ended and ended > due.now else due.now
    return min(look, tick) if tick else look
