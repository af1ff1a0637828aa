"""A run that keeps killing whoever takes it: it is given up, and its neighbours pay little for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from lib import store
from lib.dev.server import LocalPlatform
from lib.engine.hold import CLAIMS_WITHOUT_PROGRESS
from tests.documents import call, document
from tests.fire.conftest import Injected, reckon
from tests.fire.project import copy_project
from tests.history import expire_leases, sql
from tests.service import Service

pytestmark = pytest.mark.anyio
NEIGHBOURS = 8


@pytest.fixture
async def platform(database: str, configure, tmp_path: Path) -> AsyncIterator[LocalPlatform]:
    """The real runtime with functions of ours among the user's."""
    configure(RATCHET_ALLOW_ADDRESSES="loopback")
    env = {"DATABASE_URL": database, "RATCHET_AFTER_RESPONSE": "off", "RATCHET_ALLOW_ADDRESSES": "loopback"}
    async with LocalPlatform(copy_project(tmp_path / "project"), env=env) as running:
        yield running


@pytest.fixture
async def client(platform: LocalPlatform) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=platform.url, timeout=30) as each:
        yield each


@pytest.fixture
def begin(client: httpx.AsyncClient):
    """Publish a document over HTTP, by the functions that know ours, and start runs of it."""

    async def begin_runs(tasks: list[dict], name: str, count: int = 1) -> list[UUID]:
        published = await client.post("/workflows", json=document(tasks, name=name))
        assert published.status_code == 201, published.text
        answers = [await client.post(f"/workflows/{name}/runs", json={}) for _ in range(count)]
        return [UUID(answer.json()["id"]) for answer in answers]

    return begin_runs


async def leases_of(runs: list[UUID]) -> set[tuple[UUID, UUID]]:
    """The leases that these runs are under, each with its run."""
    return set(await sql("select id, lease from ratchet.runs where id = any(%s) and lease is not null", runs))


async def test_a_run_whose_function_kills_the_process_is_given_up_and_costs_each_neighbour_one_lease(
    platform: LocalPlatform,
    client: httpx.AsyncClient,
    begin,
    database: str,
    service: Service,
    tmp_path: Path,
    injected: Injected,
):
    diary = tmp_path / "diary"
    [poison] = await begin([{"die": {"call": "kill_itself", "with": {"diary": str(diary)}}}], "poison")
    slow = [{"one": call(f"{service.url}/1")}, {"two": call(f"{service.url}/2")}]
    neighbours = await begin(slow, "neighbour", NEIGHBOURS)
    service.gate.clear()  # their calls are under way when the process dies
    lost: set[tuple[UUID, UUID]] = set()
    kills = 0
    while (await client.post("/sweep")).status_code == 500:
        kills += 1
        lost |= await leases_of(neighbours)
        service.gate.set()
        await expire_leases()
    assert kills == CLAIMS_WITHOUT_PROGRESS == len(diary.read_text().splitlines())
    run = await store.get_run(poison)
    assert run.status == "failed"
    assert f"Given up after {CLAIMS_WITHOUT_PROGRESS} claims without progress" in run.error["detail"]
    assert {(await store.get_run(neighbour)).status for neighbour in neighbours} == {"completed"}
    assert Counter(run for run, _ in lost) == dict.fromkeys(neighbours, 1)
    await reckon(database, "no run has failed")
    injected(
        "poison is quarantined, and its neighbours pay one lease",
        "a function that kills its process with SIGKILL, each time",
        times=kills,
        outcome=f"given up after {kills} claims with the reason; each of {NEIGHBOURS} neighbours lost one lease",
    )


async def test_a_function_that_never_gives_the_process_back_is_given_up(
    platform: LocalPlatform, client: httpx.AsyncClient, begin, database: str, tmp_path: Path, injected: Injected
):
    diary = tmp_path / "diary"
    diary.touch()
    [poison] = await begin([{"block": {"call": "block", "with": {"diary": str(diary)}}}], "poison")
    neighbours = await begin(
        [{"tell": {"call": "tell", "with": {"diary": str(tmp_path / "told"), "n": 1}}}], "neighbour", NEIGHBOURS
    )
    kills = 0
    while not (await store.get_run(poison)).terminal:
        sweep = asyncio.create_task(client.post("/sweep"))
        async with asyncio.timeout(20):
            while not sweep.done() and len(diary.read_text().splitlines()) == kills:
                await asyncio.sleep(0.01)
        if not sweep.done():  # what the platform does at the end of maxDuration, without the wait for it
            platform.kill("sweep")
            kills += 1
        await sweep
        await expire_leases()
    assert kills == CLAIMS_WITHOUT_PROGRESS
    assert {(await store.get_run(neighbour)).status for neighbour in neighbours} == {"completed"}
    assert "Given up after" in (await store.get_run(poison)).error["detail"]
    await reckon(database, "no run has failed")
    injected(
        "poison is quarantined, and its neighbours pay one lease",
        "a function that blocks its process until the platform kills it, each time",
        times=kills,
        outcome=f"given up after {kills} claims with the reason; {NEIGHBOURS} neighbours completed",
    )


async def test_a_function_that_takes_all_memory_fails_its_own_run(
    platform: LocalPlatform, client: httpx.AsyncClient, begin, database: str, tmp_path: Path, injected: Injected
):
    [greedy] = await begin([{"eat": {"call": "take_all_memory", "with": {"diary": str(tmp_path / "diary")}}}], "greedy")
    await begin(
        [{"tell": {"call": "tell", "with": {"diary": str(tmp_path / "told"), "n": 1}}}], "neighbour", NEIGHBOURS
    )
    before = await client.post("/sweep")
    assert (before.status_code, before.json()["completed"], before.json()["failed"]) == (200, NEIGHBOURS, 1)
    run = await store.get_run(greedy)
    assert "MemoryError" in run.error["detail"]
    await reckon(database, "no run has failed")
    injected(
        "memory that runs out costs one run",
        "a function that takes memory until the process may have no more (RLIMIT_AS)",
        times=1,
        outcome=f"its task failed with the reason; the process lives, {NEIGHBOURS} neighbours completed",
    )


async def test_an_expression_that_never_ends_fails_its_own_run(
    platform: LocalPlatform, client: httpx.AsyncClient, begin, database: str, tmp_path: Path, injected: Injected
):
    [endless] = await begin([{"spin": {"set": {"x": "${ [recurse(. + 1)] | length }"}}}], "endless")
    await begin(
        [{"tell": {"call": "tell", "with": {"diary": str(tmp_path / "told"), "n": 1}}}], "neighbour", NEIGHBOURS
    )
    answer = await client.post("/sweep")
    assert (answer.status_code, answer.json()["completed"], answer.json()["failed"]) == (200, NEIGHBOURS, 1)
    assert (await store.get_run(endless)).error["instance"] == "/do/0/spin"
    await reckon(database, "no run has failed")
    injected(
        "an expression cannot hold up the process",
        "a jq expression that never ends",
        times=1,
        outcome=f"its task failed when its helper was ended; {NEIGHBOURS} neighbours completed in the same sweep",
    )
