"""What the fault tests share: a server that may be crashed, the cable, the platform, and the reckoning at the end."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lib import dsl, store
from lib.dev.postgres import Server
from lib.engine.reactor import Reactor
from tests.conftest import Configure
from tests.fire.cable import Cable
from tests.fire.records import Row, keep
from tests.soak import invariants

type Injected = Callable[..., None]
type StartRun = Callable[..., Awaitable[UUID]]


@pytest.fixture
def injected(request: pytest.FixtureRequest) -> Injected:
    """Call it at the end: the promise, the fault, how often it was injected, and what came of it."""

    def record(promise: str, fault: str, *, times: int, outcome: str) -> None:
        keep(f"{request.path.name}::{request.node.name}", Row(promise, fault, times, outcome))

    return record


@pytest.fixture
async def cable(server: Server, database_url: str, configure: Configure) -> AsyncIterator[Cable]:
    """A cable to the test's database; this process's pool goes through it."""
    from lib import db

    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # it tells of every connection that is cut
    async with Cable(server.port) as running:
        configure(DATABASE_URL=running.url(database_url), RATCHET_ALLOW_ADDRESSES="loopback", RATCHET_LEASE="1")
        yield running
        await db.close()


@pytest.fixture
def start() -> StartRun:
    """Publish a document (once) and start a run of it; answers the run's id."""

    async def start_run(definition: dict[str, Any], run_input: Any = None) -> UUID:
        document = dsl.compile_document(definition)
        about = (document.namespace, document.name, document.version)
        workflow, _ = await store.publish_workflow(*about, definition, document.type, document.hash)
        run, _ = await store.start_run(workflow.id, run_input if run_input is not None else {}, "auto")
        return run.id

    return start_run


@pytest.fixture
async def reactor() -> Reactor:
    """A reactor of the test's own."""
    return Reactor()


async def reckon(url: str, *excused: str) -> None:
    """Hold the database against every invariant of the soak but those that the test's own fault breaks."""
    promises = {**invariants.ALWAYS, **invariants.AT_THE_END}
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await invariants.check(conn, {name: query for name, query in promises.items() if name not in excused})


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Postgres that may be crashed; what it has answered to survives that."""
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    settings = {"synchronous_commit": "on"}
    with Server(tmp_path_factory.mktemp("fire") / "data", durable=False, settings=settings) as running:
        yield running
