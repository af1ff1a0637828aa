"""One commit at a time, and nobody waits for it who need not: what ends meanwhile goes into the next, all of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
import pytest

from lib import calls, store
from lib.engine.hold import Hold
from lib.engine.reactor import Reactor
from lib.engine.sweeping import advance_runs
from tests.documents import call, document
from tests.engine.test_races import blocked
from tests.engine.test_seams import know_documents

pytestmark = pytest.mark.anyio
TWO_CALLS = document([{"first": call("http://x/")}, {"second": call("http://x/")}], name="two")
FORK = document([{"both": {"fork": {"branches": [{n: call("http://x/")} for n in ("first", "second")]}}}], name="fork")


class Stage:
    """What the runs do, in the order of their doing it; an effect ends when its gate is opened."""

    def __init__(self) -> None:
        self.started: list[tuple[UUID, str]] = []
        self.turned: list[UUID] = []
        self.batches: list[list[UUID]] = []
        self.order: list[object] = []
        self._gates: dict[tuple[UUID, str], asyncio.Event] = {}
        self._news = asyncio.Event()

    def note[T](self, what: T, where: list[T]) -> None:
        """Something has happened."""
        where.append(what)
        self.order.append(what)
        self._news.set()

    def gate(self, run_id: UUID, task: str) -> asyncio.Event:
        """What that effect waits for."""
        return self._gates.setdefault((run_id, task), asyncio.Event())

    def open_all(self, run_ids: list[UUID]) -> None:
        """Nothing is held back any more."""
        for run_id in run_ids:
            for task in ("first", "second"):
                self.gate(run_id, task).set()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for what is to happen; raises TimeoutError when it does not."""
        async with asyncio.timeout(10):
            while not happened():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def advancing(reactor: Reactor, runs: list[UUID], stage: Stage) -> AsyncIterator[None]:
    """These runs are held, and their first effects are under way; at the end they come to theirs, whatever happened."""
    await know_documents()
    session = asyncio.create_task(advance_runs(reactor, runs, None))
    try:
        effects = {(run_id, "first") for run_id in runs}
        await stage.until(lambda: effects <= set(stage.started))
        stage.turned.clear()
        stage.batches.clear()
        yield
    finally:
        stage.open_all(runs)
        await session


@asynccontextmanager
async def locked(url: str, run_id: UUID) -> AsyncIterator[None]:
    """Nobody else can commit anything for this run."""
    async with await psycopg.AsyncConnection.connect(url) as keeper:
        await keeper.execute("select from ratchet.runs where id = %s for update", (run_id,))
        yield


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Watches the effects, the turns and the commits of this process."""
    watched, turn, commit_batch = Stage(), Hold.turn, store.commit_batch

    async def run(function, arguments, context):
        task = context.reference.rpartition("/")[2]
        effect = UUID(str(context.run_id)), task
        watched.note(effect, watched.started)
        await watched.gate(*effect).wait()

    def turn_and_tell(hold, now):
        turned = turn(hold, now)
        watched.note(hold.run_id, watched.turned)
        return turned

    async def tell_and_commit(lease, seconds, entries):
        watched.note([entry.run_id for entry in entries], watched.batches)
        return await commit_batch(lease, seconds, entries)

    monkeypatch.setattr(calls, "run", run)
    monkeypatch.setattr(Hold, "turn", turn_and_tell)
    monkeypatch.setattr(store, "commit_batch", tell_and_commit)
    return watched


async def test_what_ends_while_a_commit_is_on_its_way_is_computed_and_goes_into_the_next(
    start, reactor: Reactor, direct_url: str, stage: Stage
):
    slow, *others = runs = [await start(TWO_CALLS) for _ in range(5)]
    async with advancing(reactor, runs, stage):
        async with locked(direct_url, slow):
            stage.gate(slow, "first").set()
            await blocked()
            for run_id in others:
                stage.gate(run_id, "first").set()
            await stage.until(lambda: set(others) <= set(stage.turned))
            await blocked()
            assert stage.batches == [[slow]]
            assert {task for _, task in stage.started} == {"first"}  # what follows a result waits for its commit
        await stage.until(lambda: len(stage.started) == 2 * len(runs))
        first, second = stage.batches
        assert (first, sorted(second)) == ([slow], sorted(others))
        # and it leaves before anything else is done here: the database need not wait until the first is settled
        assert stage.order.index(second) < stage.order.index((slow, "second"))
    assert {(await store.get_run(run_id)).status for run_id in runs} == {"completed"}


async def test_a_run_has_no_turn_while_its_own_entry_is_on_its_way(
    start, reactor: Reactor, direct_url: str, stage: Stage
):
    forked, other = runs = [await start(FORK), await start(TWO_CALLS)]
    async with advancing(reactor, runs, stage), locked(direct_url, forked):
        await stage.until(lambda: (forked, "second") in stage.started)
        stage.gate(forked, "first").set()
        await blocked()
        stage.gate(forked, "second").set()
        stage.gate(other, "first").set()  # it ends after the other one, and is looked at after it
        await stage.until(lambda: other in stage.turned)
        assert stage.turned == [forked, other]
    assert stage.batches[:2] == [[forked], [other]]
    assert forked in stage.batches[2]
    assert [step.status for step in await store.list_steps(forked, after=None, limit=9)] == ["completed"] * 2
