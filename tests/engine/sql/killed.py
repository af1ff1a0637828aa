"""Function instances that are killed: forks that claim runs and advance them, and die where chance says.

    python -m tests.engine.sql.killed --kills 1000

Two live at a time and take each other's leases, so that a late one meets what its successor has committed. In the
end, when nobody is killed any more, every run has ended and every line of the ledger was written once.
"""

import argparse
import asyncio
import functools
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

import lib.calls.sql  # noqa: F401  with all it needs, before the first fork: an instance starts at once
from lib import db, dsl, store
from lib.dbtool import logins, wire, writing
from lib.dev.postgres import Server
from lib.engine import sweeping
from lib.engine.reactor import Reactor
from tests.documents import document
from tests.engine.sql.ledger import BOLTS, lay_out, take, write

# The lines that each run writes: two side by side, one behind pure tasks, and a bolt in between.
ENTRIES = ("first", "left", "right", "last")
AT_ONCE = 2
# Between two steps an instance comes to about that many places to die at.
PLACES = 16
# About what it gets done before it dies: the work lasts, and does not pile up.
RUNS_FOR_EACH = 0.4
# Whoever is still alive by then has lost something that it waits for.
INSTANCE_SECONDS = 30.0

# Where a run's events do not follow each other without a gap, up to where the run says it is.
TORN = """
select count(*) from ratchet.runs r left join (
  select *, lag(seq, 1, 0) over w as before, lead(seq) over w as behind from ratchet.history
  window w as (partition by run_id order by seq)
) h on h.run_id = r.id
where h.seq is null or first_seq <> before + 1 or json_array_length(events) <> h.seq - before
  or behind is null and h.seq <> r.sealed_seq + r.unsealed
"""


def workflow() -> dict[str, Any]:
    """Four lines and a bolt for each run."""
    both = {"fork": {"branches": [{name: write(name)} for name in ENTRIES[1:3]]}}
    return document(
        [
            {ENTRIES[0]: write(ENTRIES[0])},
            {"both": both},
            {"think": {"set": {"x": "${ 1 + 1 }"}}},
            {"bolt": take("bolt")},
            {ENTRIES[3]: write(ENTRIES[3])},
        ]
    )


@dataclass
class Fate:
    """Where an instance dies: at the n-th place it comes to, after hesitating for a moment; it leaves a last word."""

    chance: random.Random
    left: int
    words: int

    async def meet(self, place: str) -> None:
        """One of the places."""
        await asyncio.sleep(self.chance.choice((0, 0, 0.0005, 0.002)))
        self.left -= 1
        if self.left == 0:
            os.write(self.words, f"{place}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def lay(self, owner: Any, name: str) -> None:
        """A place before every call of the owner's function, and one behind it; reading the catalog is none."""
        call: Callable[..., Awaitable[Any]] = getattr(owner, name)

        @functools.wraps(call)
        async def meeting(*args: Any, **kwargs: Any) -> Any:
            if args[0] == "read":
                return await call(*args, **kwargs)
            await self.meet(f"before {name}")
            answer = await call(*args, **kwargs)
            await self.meet(f"behind {name}")
            return answer

        setattr(owner, name, meeting)


async def live(workflow_id: UUID, fate: Fate | None) -> None:
    """One instance: take what others hold, and sweep until nothing is left."""
    async with db.connection() as conn:  # five deaths in a row without progress would end a run, and rightly so
        await conn.execute("update ratchet.runs set due_at = ratchet.clock(), claims = 0 where lease is not null")
    if fate:
        if fate.chance.random() < RUNS_FOR_EACH:
            await store.start_run(workflow_id, {}, "auto")
        fate.lay(logins, "begin")
        fate.lay(wire, "_exchange")  # every message of the statement, COMMIT among them
        fate.lay(store, "commit_statement")
        fate.lay(writing.OpenWrite, "commit")
        fate.lay(store, "commit_batch")
        sweeping.CLAIM_LIMIT = sweeping.MAX_HELD = 3  # with more, it would never get far into a step
    await sweeping.sweep_all(Reactor(), None)


def fork(seed: int, workflow_id: UUID, words: int | None) -> int:
    """The process id of a new instance; without a place for its last words it is not killed."""
    if pid := os.fork():
        return pid
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    fate = None
    if words is not None:
        signal.setitimer(signal.ITIMER_REAL, INSTANCE_SECONDS)
        chance = random.Random(seed)
        fate = Fate(chance, chance.randint(1, 4 * PLACES), words)
    code = 1
    try:
        asyncio.run(live(workflow_id, fate))
        code = 0
    finally:
        os._exit(code)


def rage(workflow_id: UUID, kills: int, seed: int) -> Counter[str]:
    """Fork instances until so many were killed; answers where they died."""
    reader, writer = os.pipe()
    killed, alive = 0, set[int]()
    while killed < kills:
        while len(alive) < AT_ONCE:
            seed += 1
            alive.add(fork(seed, workflow_id, writer))
        pid, status = os.wait()
        alive.discard(pid)
        assert status in (0, signal.SIGKILL), f"an instance ended with {status}"
        killed += status == signal.SIGKILL
    for pid in alive:
        os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader) as words:
        return Counter(words.read().split("\n")[:-1])


async def publish() -> UUID:
    """The workflow's id; a few runs of it are there to begin with."""
    compiled = dsl.compile_document(workflow())
    about = (compiled.namespace, compiled.name, compiled.version)
    published, _ = await store.publish_workflow(*about, workflow(), compiled.type, compiled.hash)
    for _ in range(AT_ONCE):
        await store.start_run(published.id, {}, "auto")
    await db.close()
    return published.id


def check(url: str) -> int:
    """Raise AssertionError unless everything happened once; answers how many runs there were."""
    with psycopg.connect(url, autocommit=True) as conn:
        assert conn.execute("select distinct status from ratchet.runs").fetchall() == [("completed",)]
        runs = [str(run) for (run,) in conn.execute("select id from ratchet.runs")]
        written = Counter(conn.execute("select run, entry from shop.ledger").fetchall())
        assert written == {(run, entry): 1 for run in runs for entry in ENTRIES}
        stock = conn.execute("select pieces from shop.stock where item = 'bolt'").fetchone()
        assert stock == (BOLTS - len(runs),)
        steps = conn.execute("select run_id::text, reference, visit, status from ratchet.steps").fetchall()
        assert (len(steps), len(set(steps)), {step[3] for step in steps}) == (5 * len(runs),) * 2 + ({"completed"},)
        assert conn.execute(TORN).fetchone() == (0,)
    return len(runs)


def run(url: str, kills: int, seed: int) -> str:
    """Kill that often, let the rest be done, and check; the settings say which database it is."""
    began = time.monotonic()
    workflow_id = asyncio.run(publish())
    places = rage(workflow_id, kills, seed)
    _, status = os.waitpid(fork(0, workflow_id, None), 0)
    assert status == 0, "the last instance, which nobody killed, did not end well"
    runs = check(url)
    where = ", ".join(f"{place} {number}" for place, number in sorted(places.items()))
    return f"{kills} kills, {runs} runs, each line written once, in {time.monotonic() - began:.0f} s\n{where}\n"


def main() -> None:
    """The command line; without settings for a database it starts one of its own."""
    parser = argparse.ArgumentParser(description="Kill function instances in the middle of their steps.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with ExitStack() as stack:
        if "DB_TOOL_WRITE_URL" not in os.environ:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            server = stack.enter_context(Server(Path(folder) / "data", durable=False))
            os.environ.update(lay_out(server, "killed").environment)
        sys.stdout.write(run(os.environ["DATABASE_URL"], chosen.kills, chosen.seed))


if __name__ == "__main__":
    main()
