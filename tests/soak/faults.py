"""What happens to the instances and to their database, each at its own random moments until the wave ends."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Any

from lib import store
from lib.errors import RatchetError

if TYPE_CHECKING:
    from tests.soak.wave import Wave

# Seconds between two of a kind, on average; a crash of the whole database costs everybody half a second.
PAUSES = {
    "kill": 0.12,
    "freeze": 1.0,
    "expire": 0.1,
    "cut": 0.2,
    "interrupt": 0.2,
    "crash": 6.0,
    "cancel": 0.5,
    "suspend": 0.3,
    "events": 0.01,
}
BACKENDS = (
    "select pid from pg_stat_activity where datname = current_database() and application_name = 'instance'"
    " order by random() limit 1"
)


async def disturb(wave: "Wave", fault: str, random: Random) -> None:
    """Do this to somebody, again and again."""
    strike = STRIKES[fault]
    while True:
        await asyncio.sleep(random.expovariate(1 / PAUSES[fault]))
        if await strike(wave, random):
            wave.counts.faults[fault] += 1


async def _kill(wave: "Wave", random: Random) -> bool:
    pid = wave.any_instance(random)
    if pid is None or not send_signal(pid, signal.SIGKILL):
        return False
    wave.killed.add(pid)
    return True


async def _freeze(wave: "Wave", random: Random) -> bool:
    """Stopped for longer than its lease: it wakes up believing that it still holds its runs."""
    pid = wave.any_instance(random)
    if pid is None or not send_signal(pid, signal.SIGSTOP):
        return False
    try:
        await asyncio.sleep(wave.lease_seconds * random.uniform(0.3, 2.5))
    finally:
        send_signal(pid, signal.SIGCONT)
    return True


async def _expire(wave: "Wave", _random: Random) -> bool:
    """A lease ends early, as for a holder whose clock is slow: for a while, two believe that the run is theirs."""
    return bool(
        await wave.look(
            "update ratchet.runs r set due_at = ratchet.clock()"
            " from (select id from ratchet.runs where lease is not null order by random() limit 1"
            " for update skip locked) one"
            " where r.id = one.id returning 1"
        )
    )


async def _cut(wave: "Wave", _random: Random) -> bool:
    """The connection breaks, perhaps after the commit was sent and before its answer came."""
    return bool(await wave.look(f"select pg_terminate_backend(pid) from ({BACKENDS}) b"))


async def _interrupt(wave: "Wave", _random: Random) -> bool:
    """What a statement timeout does: the statement is taken back, the connection lives."""
    return bool(await wave.look(f"select pg_cancel_backend(pid) from ({BACKENDS}) b"))


async def _crash(wave: "Wave", _random: Random) -> bool:
    """One server process dies of SIGKILL: Postgres throws everybody out and recovers from its log."""
    rows = await wave.look(BACKENDS)
    return bool(rows) and send_signal(rows[0][0], signal.SIGKILL)


async def _cancel(wave: "Wave", random: Random) -> bool:
    run = wave.any_run(random)
    if run is None:
        return False
    wave.unsure.add(run)  # it may have completed before, or be cancelled although the answer is lost
    return await quietly(store.cancel_run(run))


async def _suspend(wave: "Wave", random: Random) -> bool:
    """Suspended, and after a while resumed: by the wave itself, at its end at the latest."""
    run = wave.any_run(random)
    if run is None or not await quietly(store.suspend_run(run)):
        return False
    await asyncio.sleep(random.uniform(0, 0.3))
    await quietly(store.resume_run(run))
    return True


async def _events(wave: "Wave", random: Random) -> bool:
    """An event from outside for a run that counts them; now and then the same one again."""
    if not wave.unsent:
        return False
    event = random.choice(wave.unsent[-8:])  # those of the newest runs: they come just when a run begins to listen
    if not await quietly(store.deliver_events([event])):
        return False
    if event in wave.unsent and random.random() < 0.8:  # else it is sent once more
        wave.unsent.remove(event)
    return True


async def quietly(call: Awaitable[Any]) -> bool:
    """Whether the service did it; if not, the reason is one that a client has to live with."""
    try:
        await call
    except RatchetError:  # it has ended meanwhile, or the database is away: both are part of the game
        return False
    return True


def send_signal(pid: int, which: signal.Signals) -> bool:
    """Whether that process was still there."""
    try:
        os.kill(pid, which)
    except ProcessLookupError:
        return False
    return True


STRIKES: dict[str, Callable[["Wave", Random], Awaitable[bool]]] = {
    "kill": _kill,
    "freeze": _freeze,
    "expire": _expire,
    "cut": _cut,
    "interrupt": _interrupt,
    "crash": _crash,
    "cancel": _cancel,
    "suspend": _suspend,
    "events": _events,
}
