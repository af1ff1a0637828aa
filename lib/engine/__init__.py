"""What happens to a run: started, claimed, advanced, committed, released.

`start` is light. The two that advance runs import the machine, jq and the calls when first called, so that
accepting a run costs none of that before its answer.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from lib.engine.starting import start

if TYPE_CHECKING:
    from lib.engine.report import SweepReport

__all__ = ["advance_run", "advance_woken", "close", "start", "sweep"]


async def advance_run(run_id: UUID, deadline: datetime | None) -> None:
    """Advance this run, if it is due, until it ends, waits for long or the deadline is near."""
    from lib.engine.reactor import current
    from lib.engine.sweeping import advance_runs

    await advance_runs(current(), [run_id], deadline)


async def advance_woken(run_ids: Sequence[UUID], deadline: datetime | None) -> None:
    """Advance whom an event has woken: runs held here, runs that nobody holds, and what schedules start for it."""
    from lib.engine.reactor import current
    from lib.engine.scheduling import start_scheduled
    from lib.engine.sweeping import advance_runs

    current().notice(run_ids)
    await advance_runs(current(), [*run_ids, *await start_scheduled()], deadline)


async def sweep(deadline: datetime | None) -> "SweepReport":
    """Claim and advance due runs until none is left or the deadline is near; safe at any time, any number at once."""
    from lib.engine.reactor import current
    from lib.engine.sweeping import sweep_all

    return await sweep_all(current(), deadline)


async def close() -> None:
    """Let go of every run this process holds, so that another can take it at once."""
    from lib.engine.reactor import current

    await current().close()
