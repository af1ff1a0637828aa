"""Instances whose clocks are wrong: time is the database's, so it makes no difference."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lib import store
from tests.conftest import Configure
from tests.documents import document
from tests.fire.conftest import Injected, StartRun, reckon
from tests.history import sql
from tests.soak.instances import Nursery, Order

pytestmark = pytest.mark.anyio
SKEWS = (-600.0, 0.0, 600.0)
NAP = timedelta(milliseconds=400)
RUNS = 20


@pytest.fixture
def instances(database: str, configure: Configure, tmp_path: Path) -> Iterator[None]:
    """Three of them, ten minutes behind, right, and ten minutes ahead."""
    with Nursery(
        {"DATABASE_URL": database, "RATCHET_LEASE": "5", "RATCHET_LINGER": "1"}, tmp_path / "world"
    ) as nursery:
        for skew in SKEWS:
            nursery.fork(Order(1, None, 0, 4, skew_seconds=skew))
        yield


async def test_waits_take_as_long_as_the_database_says(
    database: str, start: StartRun, instances: None, injected: Injected
):
    nap = {"wait": {"milliseconds": NAP / timedelta(milliseconds=1)}}
    runs = [await start(document([{"first": nap}, {"second": nap}])) for _ in range(RUNS)]
    async with asyncio.timeout(30):
        while any([not (await store.get_run(run)).terminal for run in runs]):
            await asyncio.sleep(0.02)
    naps = await sql(
        "select max(created_at) filter (where type like '%%.completed.v1') - min(created_at)"
        " from ratchet.events where type like '%%.task.%%' group by run_id, data ->> 'task'"
    )
    assert len(naps) == 2 * RUNS
    # a wait is counted from when its task was entered, a little before that is committed
    assert min(nap for (nap,) in naps) >= NAP / 2
    assert max(nap for (nap,) in naps) < NAP + timedelta(seconds=20)
    assert await sql("select count(*) from ratchet.runs where started_at > ratchet.clock()") == [(0,)]
    await reckon(database)
    injected(
        "time is the database's",
        "three instances on one database, their clocks 10 minutes behind, right and 10 minutes ahead",
        times=2,
        outcome=f"{2 * RUNS} waits, none cut short, none minutes long; no lease lost",
    )
