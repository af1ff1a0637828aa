"""During a deployment, and after a rollback, two releases work in one database: each goes on with what the other began.

The release before is in the project's history, at the commit that the file `previous` names. It made the database, it
was running when the schema moved on, and its functions are served by the same runtime as today's.
"""

import asyncio
import io
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from lib import db, migrate
from lib.dev.postgres import Server
from lib.dev.server import LocalPlatform
from tests.conftest import Configure, Reach
from tests.documents import call, document
from tests.history import event_types, sql
from tests.service import Service

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent
PATIENCE_SECONDS = 45.0
KINDS_OF_PROGRESS = 7


@pytest.fixture(scope="session")
def previous(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release before, in a folder of its own."""
    commit = (HERE / "previous").read_text().strip()
    command = ["git", "-C", str(root), "archive", commit, "api", "lib", "sql", "vercel.json", "requirements.txt"]
    try:
        packed = subprocess.run([*command, "public"], capture_output=True, check=True, timeout=30).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the project's history is not here: not run")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(folder, filter="data")
    return folder


def make_database(server: Server, previous: Path, name: str) -> str:
    """A new database as the release before makes it; its URL."""
    url = server.create_database(name)
    subprocess.run(
        [sys.executable, "-m", "lib.migrate"],
        cwd=previous, env={"DATABASE_URL": url}, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return url


@pytest.fixture
def database(server: Server, previous: Path, reach: Reach, configure: Configure) -> Iterator[str]:
    """A database that the release before has made."""
    url = make_database(server, previous, "upgraded")
    configure(DATABASE_URL=reach(url))
    yield reach(url)
    server.drop_database("upgraded")


class Release:
    """A deployment of one release, as its clients see it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def publish(self, definition: dict[str, Any]) -> None:
        """Publish, here for both."""
        answer = await self.http.post("/workflows", json=definition)
        assert answer.status_code in (200, 201), answer.text

    async def start(self, count: int) -> list[str]:
        """So many runs of `order`."""
        answers = [await self.http.post("/workflows/order/runs", json={"input": {"n": n}}) for n in range(count)]
        assert {answer.status_code for answer in answers} == {202}
        return [answer.json()["id"] for answer in answers]

    async def pay(self, run_ids: list[str]) -> None:
        """What these runs wait for."""
        events = [
            {
                "specversion": "1.0",
                "id": run_id,
                "source": "/shop",
                "type": "paid",
                "subject": run_id,
                "data": {"sum": 5},
            }
            for run_id in run_ids
        ]
        answer = await self.http.post(
            "/events", json=events, headers={"content-type": "application/cloudevents-batch+json"}
        )
        assert answer.status_code == 202, answer.text

    async def sweep(self) -> None:
        """One sweep."""
        answer = await self.http.get("/sweep", timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, answer.text


@pytest.fixture
async def releases(database: str, previous: Path) -> AsyncIterator[tuple[Release, Release]]:
    """The release before and this one, with nothing going on but what a test asks for."""
    env = {"DATABASE_URL": database, "RATCHET_ALLOW_ADDRESSES": "loopback", "RATCHET_AFTER_RESPONSE": "off"}
    async with (
        LocalPlatform(previous, env=env) as old,
        LocalPlatform(env=env) as new,
        httpx.AsyncClient(base_url=old.url, timeout=30) as to_old,
        httpx.AsyncClient(base_url=new.url, timeout=30) as to_new,
    ):
        yield Release(to_old), Release(to_new)
    await db.close()


def order(url: str) -> dict[str, Any]:
    """A document that leaves something of everything in a state: loops, retries, branches, a child, a listener."""
    soon = {"delay": {"milliseconds": 10}, "limit": {"attempt": {"count": 5}}}
    tasks = [
        {"reserve": call(f"{url}/reserve", export={"as": "${ {reserved: .path} }"})},
        {"pack": {"for": {"each": "part", "in": "${ [1, 2] }"}, "do": [{"part": call(f"{url}/part")}]}},
        {"tell": {"try": [{"mail": call(f"{url}/mail")}], "catch": {"retry": soon}}},
        {"both": {"fork": {"branches": [{"a": call(f"{url}/a")}, {"b": call(f"{url}/b")}]}}},
        {"label": {"run": {"workflow": {"namespace": "default", "name": "label", "version": "1.0.0", "input": {}}}}},
        {"nap": {"wait": {"milliseconds": 50}}},
        {"payment": {"listen": {"to": {"one": {"with": {"type": "paid", "subject": "${ $workflow.id }"}}}}}},
        {"ship": call(f"{url}/ship", output={"as": "${ {shipped: .path, was: $context.reserved} }"})},
    ]
    return document(tasks, "order")


async def publish(release: Release, service: Service) -> None:
    await release.publish(document([{"print": call(f"{service.url}/print")}], "label"))
    await release.publish(order(service.url))


async def until_listening(release: Release, run_ids: list[str]) -> None:
    """Sweep until all of them wait for their event."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await sql("select count(distinct run_id) from ratchet.subscriptions") != [(len(run_ids),)]:
            await release.sweep()


async def until_ended(*releases: Release) -> None:
    """Let all of them sweep, at once and again, until no run is live."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await sql("select 1 from ratchet.runs where finished_at is null limit 1"):
            await asyncio.gather(*(release.sweep() for release in releases))


async def check(run_ids: list[str], service: Service, *, failures: int = 0) -> None:
    """Every run ended as it should, every effect was asked for once, and every history has no gap."""
    rows = await sql("select status, result::text from ratchet.run_details where id = any (%s)", run_ids)
    assert set(rows) == {("completed", '{"shipped":"/ship","was":"/reserve"}')}
    assert len(rows) == len(run_ids)
    assert {len(await event_types(UUID(run_id))) > KINDS_OF_PROGRESS for run_id in run_ids} == {True}
    asked = service.keys()
    assert len(asked) == 8 * len(run_ids)  # reserve, two parts, mail, a, b, print and ship
    assert sum(asked.values()) == len(asked) + failures
    assert await sql("select count(*) from ratchet.steps where status = 'completed'") == [(9 * len(run_ids),)]


async def test_todays_code_ends_what_the_release_before_began(
    releases: tuple[Release, Release], database: str, service: Service
):
    old, new = releases
    await publish(old, service)
    run_ids = await old.start(3)
    service.failures["/mail"] = 2
    await until_listening(old, run_ids)
    await migrate.migrate(database)
    await new.pay(run_ids)
    await until_ended(new)
    await check(run_ids, service, failures=2)


async def test_after_a_rollback_the_release_before_ends_what_todays_code_began(
    releases: tuple[Release, Release], database: str, service: Service
):
    old, new = releases
    await migrate.migrate(database)
    await publish(new, service)
    run_ids = await new.start(3)
    await until_listening(new, run_ids)
    await old.pay(run_ids)
    await until_ended(old)
    await check(run_ids, service)


async def test_both_releases_sweep_the_same_runs_while_the_schema_moves_on(
    releases: tuple[Release, Release], database: str, service: Service
):
    old, new = releases
    await publish(old, service)
    run_ids = await old.start(6)
    sweep = asyncio.create_task(old.sweep())
    await service.arrived.wait()
    await migrate.migrate(database)
    run_ids += await new.start(6)
    await sweep
    await asyncio.gather(old.pay(run_ids[::2]), new.pay(run_ids[1::2]))
    await until_ended(old, new)
    await check(run_ids, service)
