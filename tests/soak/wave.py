"""One wave of the soak: undisturbed runs first, then the same documents under every fault, then the reckoning."""

import asyncio
import signal
import time
from pathlib import Path
from random import Random
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from lib import dsl, store
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from lib.errors import DatabaseDown, RatchetError
from tests.soak import crash_points, documents, invariants
from tests.soak.counts import Counts
from tests.soak.faults import PAUSES, disturb, quietly, send_signal
from tests.soak.instances import Ended, Nursery, Order
from tests.soak.plan import Plan
from tests.soak.readers import READERS, read_on
from tests.soak.remains import describe
from tests.soak.world import open_world, read_world

LEASE_SECONDS = 1
ALWAYS = {**invariants.ALWAYS, **invariants.WITH_A_LEDGER}
SETTLE_SECONDS = 60.0
# Nothing has happened to any run for several leases: what is left will never end.
STILL_SECONDS = 8.0
TICK_SECONDS = 0.01
OUTSIDE = {"name": "soak-outside", "events": 8}
PREPARE_SECONDS = 20.0
# Whoever has not come to its point by then may never do (the run it was to cancel has ended, say): five of them would
# keep all places, and nobody would die any more.
LIFE_SECONDS = 5.0


class Wave:
    """A plan while it is carried out; `expected` is what each run must come to."""

    def __init__(self, plan: Plan, nursery: Nursery, url: str, world: Path) -> None:
        self.plan, self.counts, self.lease_seconds = plan, Counts(), LEASE_SECONDS
        self.expected: dict[UUID, Any] = {}
        self.live: list[UUID] = []
        self.unsure: set[UUID] = set()
        self.killed: set[int] = set()
        self.unsent: list[dict[str, Any]] = []
        self._random = Random(plan.seed)
        self._nursery, self._url, self._world = nursery, url, world
        self._results: dict[UUID, Any] = {}
        self._instances: dict[int, Order] = {}
        self._born_at: dict[int, float] = {}
        self._ordered: list[Order] = []
        self._calm = False
        self._eye: psycopg.AsyncConnection[Any] | None = None
        self._opening_eye = asyncio.Lock()  # many look through it: the second must not open another

    async def run(self) -> Counts:
        """The whole wave; raises Violation."""
        begin = time.monotonic()
        await self._prepare()
        try:
            await self._disturbed()
            await self._settle()
        finally:
            await self._stop_instances()
            if self._eye:
                await self._eye.close()
        await self._reckon()
        self.counts.seconds = time.monotonic() - begin
        return self.counts

    async def look(self, query: str) -> list[Any]:
        """Rows from a connection that no fault strikes; none while the database is away."""
        try:
            async with self._opening_eye:
                if self._eye is None or self._eye.closed:
                    self._eye = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
            return await (await self._eye.execute(query.encode())).fetchall()
        except psycopg.OperationalError:  # it is recovering
            return []

    def any_instance(self, random: Random) -> int | None:
        """The pid of some instance."""
        return random.choice(list(self._instances)) if self._instances else None

    def any_run(self, random: Random) -> UUID | None:
        """Some run that has not ended, as far as we know."""
        return random.choice(self.live) if self.live else None

    async def _prepare(self) -> None:
        """Publish, and let every document come to its end once without any disturbance."""
        open_world(str(self._world), self.plan.seed, lambda _: None)
        texts = [
            documents.random_document(f"soak-{number}", self._random, self.plan.kinds)
            for number in range(self.plan.documents)
        ]
        await _publish(documents.child())
        workflows = [await _publish(text) for text in texts]
        self._nursery.teach([documents.child(), _outside(), *texts])
        calm = [(await store.start_run(workflow, {}, "auto"))[0].id for workflow in workflows]
        reactor, give_up_at = Reactor(), time.monotonic() + PREPARE_SECONDS
        while waiting := [run for run in calm if not (await store.get_run(run)).terminal]:
            if time.monotonic() > give_up_at:
                raise invariants.Violation("an undisturbed run comes to its end", tuple(waiting))
            await sweep_all(reactor, None)
        for workflow, run in zip(workflows, calm, strict=True):
            done = await store.get_run(run)
            if done.status != "completed":
                raise AssertionError(f"an undisturbed run failed: {done.error}")
            self._results[workflow] = done.result

    async def _disturbed(self) -> None:
        jobs = [self._keep_instances(), self._keep_runs(), self._keep_checking()]
        jobs += [disturb(self, fault, self._dice()) for fault in self.plan.faults if fault in PAUSES]
        jobs += [read_on(self, self._dice()) for _ in range(READERS) if "readers" in self.plan.faults]
        jobs += [self._wait_until_struck()] if self.plan.until_struck else []
        tasks = [asyncio.create_task(job) for job in jobs]
        try:  # whoever ends has failed, or has seen enough
            done, _ = await asyncio.wait(tasks, timeout=self.plan.seconds, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait_until_struck(self) -> None:
        while any(not self.counts.points[point] for point in crash_points.POINTS):
            await asyncio.sleep(0.1)

    def _dice(self) -> Random:
        return Random(self._random.random())

    async def _keep_instances(self) -> None:
        random = self._dice()
        while True:
            self._take_news()
            if "point" in self.plan.faults:
                self._kill_old()
            while len(self._instances) + len(self._ordered) < self.plan.instances:
                self._order(random)
            await asyncio.sleep(TICK_SECONDS)

    def _kill_old(self) -> None:
        born_before = time.monotonic() - LIFE_SECONDS
        for pid in [pid for pid, born_at in self._born_at.items() if born_at < born_before and pid not in self.killed]:
            self.killed.add(pid)
            self.counts.faults["kill"] += send_signal(pid, signal.SIGKILL)

    def _order(self, random: Random) -> None:
        point, nth, cancels, skew = None, 0, None, 0.0
        if not self._calm:
            if "point" in self.plan.faults and random.random() < 0.9:
                point, nth = self._next_point(random)
            if point and point.endswith("cancel") and (run := self.any_run(random)):
                self.unsure.add(run)
                cancels = str(run)
            if "skew" in self.plan.faults and random.random() < 0.2:
                skew = random.uniform(-600, 600)
                self.counts.faults["skew"] += 1
        order = Order(random.getrandbits(32), point, nth, random.choice((1, 4, 12)), cancels, skew)
        self._ordered.append(order)
        self._nursery.fork(order)

    def _next_point(self, random: Random) -> tuple[str, int]:
        """One at which nobody has died yet, if there is one left; each is come to, sooner or later."""
        missing = [point for point in crash_points.POINTS if not self.counts.points[point]]
        if missing and random.random() < 0.8:
            return random.choice(missing), 1
        return crash_points.by_lot(random, most=12)

    def _take_news(self) -> None:
        for news in self._nursery.read():
            if isinstance(news, Ended):
                order = self._instances.pop(news.pid)
                del self._born_at[news.pid]
                if news.code:
                    raise AssertionError(f"an instance ended with {news.code}: {order}")
                if news.signal == signal.SIGKILL and order.point and news.pid not in self.killed:
                    self.counts.faults["point"] += 1
                    self.counts.points[order.point] += 1
                self.killed.discard(news.pid)
            else:
                self._instances[news] = self._ordered.pop(0)
                self._born_at[news] = time.monotonic()

    async def _keep_runs(self) -> None:
        """Start runs as others end; one in four counts events from outside."""
        random = self._dice()
        outside = await _publish(_outside())
        while True:
            try:
                ended = await self._forget_ended()
                for _ in range(self.plan.live_runs - len(self.live)):
                    if "events" in self.plan.faults and random.random() < 1 / 4:
                        await self._start(outside, OUTSIDE["events"], listens=True)
                    else:
                        workflow = random.choice(list(self._results))
                        await self._start(workflow, self._results[workflow])
                self.counts.runs["ended under fire"] += ended
            except RatchetError:
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.05)

    async def _start(self, workflow: UUID, result: Any, *, listens: bool = False) -> None:
        run = await self._ask_for_run(workflow)
        self.live.append(run.id)
        self.expected[run.id] = result
        if listens:
            self.unsent += [
                {
                    "specversion": "1.0",
                    "source": "/soak",
                    "id": f"{run.id}-{n}",
                    "type": "soak.outside",
                    "subject": str(run.id),
                }
                for n in range(int(result))
            ]

    async def _ask_for_run(self, workflow: UUID) -> store.Run:
        """A start whose answer was lost is sent again with its key, and is still one run."""
        key = self._random.randbytes(32)
        while True:
            try:
                return (await store.start_run(workflow, {}, "auto", idempotency=store.Idempotency(key, key)))[0]
            except DatabaseDown:
                await asyncio.sleep(0.05)

    async def _forget_ended(self) -> int:
        rows = await self.look(f"select id from ratchet.runs where status in {invariants.TERMINAL}")
        ended = {run for (run,) in rows}
        before = len(self.live)
        self.live = [run for run in self.live if run not in ended]
        return before - len(self.live)

    async def _keep_checking(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self._check(ALWAYS)
            self.counts.runs["checks"] += 1

    async def _check(self, promises: dict[str, LiteralString] | Any) -> None:
        try:
            async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as conn:
                await invariants.check(conn, promises)
        except psycopg.OperationalError:  # it is recovering: asked again in a second
            return

    async def _settle(self) -> None:
        """No more faults: what is left comes to its end, on instances that nobody kills."""
        self._calm = True
        for event in self.unsent:
            while not await quietly(store.deliver_events([event])):
                await asyncio.sleep(0.05)
        random, give_up_at = self._dice(), time.monotonic() + SETTLE_SECONDS
        moved, moved_at = 0, time.monotonic()
        while True:
            left, moves = await self._look_for_left()
            if not left:
                return
            now = time.monotonic()
            if moves != moved:
                moved, moved_at = moves, now
            if now > give_up_at or now - moved_at > STILL_SECONDS:
                raise await self._tell_left(left)
            self._take_news()
            while len(self._instances) + len(self._ordered) < self.plan.instances:
                self._order(random)
            for (run,) in await self.look(
                "select id from ratchet.runs where status = 'suspended' or suspend_requested"
            ):
                await quietly(store.resume_run(run))
            await asyncio.sleep(0.1)

    async def _look_for_left(self) -> tuple[list[UUID], int]:
        """Runs that have not ended, and how much all of them have done; a database that is away is waited for."""
        unfinished = f"array(select id from ratchet.runs where status not in {invariants.TERMINAL})"
        async with asyncio.timeout(SETTLE_SECONDS):
            while not (rows := await self.look(f"select {unfinished}, (select sum(seq) from ratchet.run_details)")):
                await asyncio.sleep(0.05)
        left, moves = rows[0]
        return left, moves

    async def _tell_left(self, left: list[UUID]) -> invariants.Violation:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as conn:
            return invariants.Violation("every run comes to its end", tuple(left), await describe(conn, left))

    async def _stop_instances(self) -> None:
        give_up_at, told = time.monotonic() + 5, set[int]()
        while self._instances or self._ordered:
            self._take_news()
            late = time.monotonic() > give_up_at
            for pid in [pid for pid in self._instances if late or pid not in told]:
                told.add(pid)
                for which in (signal.SIGCONT, signal.SIGKILL if late else signal.SIGTERM):
                    send_signal(pid, which)
            await asyncio.sleep(TICK_SECONDS)

    async def _reckon(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as conn:
            try:
                await invariants.check(conn, {**ALWAYS, **invariants.AT_THE_END})
            except invariants.Violation as broken:
                raise invariants.Violation(broken.promise, broken.runs, await describe(conn, broken.runs)) from None
            await invariants.check_results(conn, self.expected)
            await self._check_cancelled(conn)
            repeated = await invariants.check_world(conn, read_world(str(self._world)))
            [(runs, steps, events, lines)] = await (
                await conn.execute(
                    "select (select count(*) from ratchet.runs), (select count(*) from ratchet.steps),"
                    " (select sum(seq) from ratchet.run_details), (select count(*) from shop.ledger)"
                )
            ).fetchall()
        self.counts.runs += {"runs": runs, "steps": steps, "events": int(events), "rows written once": lines}
        self.counts.runs["effects done again"] += repeated

    async def _check_cancelled(self, conn: psycopg.AsyncConnection[Any]) -> None:
        rows = await (
            await conn.execute("select id from ratchet.runs where status = 'cancelled' and parent_id is null")
        ).fetchall()
        wrong = tuple(run for (run,) in rows if run not in self.unsure)
        if wrong:
            raise invariants.Violation("only who was cancelled is cancelled", wrong)


async def _publish(text: dict[str, Any]) -> UUID:
    compiled = dsl.compile_document(text, functions=frozenset({"soak_act", "soak_flaky"}))
    about = (compiled.namespace, compiled.name, compiled.version)
    workflow, _ = await store.publish_workflow(*about, text, compiled.type, compiled.hash)
    return workflow.id


def _outside() -> dict[str, Any]:
    """Counts events that the soak sends; each counts once, however often it is sent."""
    heard = {"any": [{"with": {"type": "soak.outside", "subject": "${ . == $workflow.id }"}}]}
    task = {
        "listen": {"to": {**heard, "until": f"${{ length == {OUTSIDE['events']} }}"}},
        "output": {"as": "${ length }"},
    }
    return documents.document(str(OUTSIDE["name"]), [{"count": task}])
