"""One instance of the soak: sweeps, as the function behind the cron does, over and over until it is killed."""

import asyncio
import signal
from datetime import datetime, timedelta, tzinfo
from uuid import UUID

from lib import store
from lib.config import settings
from lib.engine import clock, hold, intake, keeper, session, sweeping
from lib.engine.reactor import Reactor
from lib.errors import RatchetError
from tests.soak.crash_points import Reach, install, kill_at
from tests.soak.faults import quietly
from tests.soak.instances import Order
from tests.soak.world import open_world

IDLE_SECONDS = 0.02
# Values of these documents are small: here, many of them are too large for a state.
LARGE = 12
# A run that is killed a hundred times by lot is no poison.
CLAIMS = 1_000_000


def sweep_until_killed(order: Order, world: str) -> None:
    """Live by the order; SIGTERM is a friendly end."""
    settings.cache_clear()
    reach: Reach = kill_at(order.point, order.nth) if order.point else lambda _: None
    open_world(world, order.seed, reach)
    install(reach)
    for module in (hold, intake):
        module.CLAIMS_WITHOUT_PROGRESS = CLAIMS  # type: ignore[attr-defined]
    sweeping.CLAIM_LIMIT = order.claim_limit
    keeper.LARGE = LARGE
    sweeping.log = hold.log = lambda *_, **__: None  # type: ignore[assignment]
    _go_wrong(order.skew_seconds)
    asyncio.run(_sweep(order))


def _go_wrong(skew_seconds: float) -> None:
    """Let the clock of this instance say another time than everybody else's."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=skew_seconds)

    for module in (clock, session):
        module.datetime = Wrong  # type: ignore[attr-defined]


async def _sweep(order: Order) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    reactor = Reactor()
    if order.cancels:
        await quietly(store.cancel_run(UUID(order.cancels)))
    while not stop.is_set():
        try:
            await sweeping.sweep_all(reactor, None)
        except RatchetError:  # the database is away: the next cron comes by
            await asyncio.sleep(IDLE_SECONDS)
        await asyncio.sleep(IDLE_SECONDS)
