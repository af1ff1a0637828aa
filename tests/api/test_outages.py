"""A database that cannot be had, for whatever reason, is a 503 that says when to come again; it heals by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg
import pytest

from lib import db, migrate
from lib.dbtool import logins
from lib.dev.postgres import Server
from lib.errors import DatabaseDown
from lib.http import rates
from tests.api.client import Client
from tests.api.test_conventions import ID, ROUTES
from tests.conftest import Configure
from tests.dbtool.models import embedding_model
from tests.documents import document
from tests.mailroom import event
from tests.pooler import PGBOUNCER, run_pooler
from tests.stream.tools import read_frames

pytestmark = pytest.mark.anyio

SMALL = {"max_connections": "12", "superuser_reserved_connections": "0", "max_wal_senders": "0"}
MOST_CLIENTS = 3
PATIENCE_SECONDS = 20.0
PURE = [{"greet": {"set": {"hello": "you"}}}]
NAP = [{"nap": {"wait": {"milliseconds": 1}}}, *PURE]
CLOUD_EVENT = {"content-type": "application/cloudevents+json"}
SENT: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/workflows"): {"json": document(PURE)},
    ("PUT", "/workflows/{id}"): {"json": document(PURE)},
    ("POST", "/workflows/{id}/runs"): {"json": {}},
    ("POST", "/events"): {"json": event("e"), "headers": CLOUD_EVENT},
    ("POST", "/db/query"): {"json": {"sql": "select 1"}},
    ("POST", "/db/ask"): {"json": {"question": "How many are there?"}},
    ("POST", "/db/documents"): {"json": {"collection": "c", "documents": [{"key": "a", "text": "b"}]}},
}
ASKED = {"/db/documents": "/db/documents?collection=c"}

type Outage = Callable[[], Awaitable[None]]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with few connections, for this file alone."""
    with Server(tmp_path_factory.mktemp("small") / "data", durable=False, settings=SMALL) as server:
        asyncio.run(migrate.migrate(server.create_database("small_template")))
        yield server


@pytest.fixture
def url(small: Server) -> Iterator[str]:
    """A fresh database on it."""
    yield small.create_database("small", template="small_template")
    small.drop_database("small")


@pytest.fixture
async def api(url: str, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """A client of a deployment that has this database for everything, and that loses no time where there is none."""
    monkeypatch.setattr(db, "_CONNECT_SECONDS", 0.1)
    use(configure, url)
    rates.forget()
    async with embedding_model(configure):
        yield Client()
    await forget()


def use(configure: Configure, url: str) -> None:
    configure(
        DATABASE_URL=url, DB_TOOL_READ_URL=url, DB_TOOL_WRITE_URL=url, DB_TOOL_ALLOW_SUPERUSER="on",
        RATCHET_MODEL="m", RATCHET_MODEL_URL="http://127.0.0.1:1", RATCHET_AFTER_RESPONSE="off",
    )  # fmt: skip


async def forget() -> None:
    """Close what this process has open, as a frozen instance finds it closed."""
    await logins.close()
    await db.close()


@asynccontextmanager
async def exhausted(url: str) -> AsyncIterator[None]:
    """Others have every connection that there is."""
    async with AsyncExitStack() as others:
        while await has_connection():  # a stream that is open takes back what it can get
            await forget()
            while other := await connect(url):
                await others.enter_async_context(other)
        yield


async def connect(url: str) -> psycopg.AsyncConnection[Any] | None:
    """One more connection, if there is one."""
    try:
        return await psycopg.AsyncConnection.connect(url, autocommit=True)
    except psycopg.OperationalError:
        return None


async def has_connection() -> bool:
    """Whether this process can ask its database anything."""
    try:
        async with db.connection():
            return True
    except DatabaseDown:
        return False


async def check_refusals(api: Client) -> None:
    """Every route answers 503 as a problem, and says when to come again."""
    for method, pattern in ROUTES:
        path = ASKED.get(pattern, pattern) if method == "GET" else pattern
        found = await api(method, path.format(id=ID), **SENT.get((method, pattern), {}))
        assert found.status == 503, (method, pattern, found.body)
        assert found.headers["content-type"] == "application/problem+json"
        assert int(found.headers["retry-after"]) > 0
        assert found.json()["type"] == "urn:ratchet:error:DatabaseDown"
        assert "127.0.0.1" not in found.body.decode()


async def test_every_route_says_so_when_nothing_listens(api: Client, url: str, configure: Configure):
    use(configure, "postgresql://nobody:s3cret@127.0.0.1:1/nothing")
    await check_refusals(api)


async def test_every_route_says_so_when_the_server_has_no_connection_left(api: Client, url: str):
    async with exhausted(url):
        await check_refusals(api)
    assert (await api("GET", "/health")).status == 200


@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer not found: not run")
async def test_every_route_says_so_when_the_pooler_takes_no_more_clients(
    api: Client, small: Server, url: str, configure: Configure
):
    with run_pooler(small, pool_size=2, max_clients=MOST_CLIENTS) as pooler:
        use(configure, pooler.url(url))
        async with exhausted(pooler.url(url)):
            await check_refusals(api)
        assert (await api("GET", "/health")).status == 200
        await forget()


async def test_a_sweep_goes_on_by_itself_once_there_are_connections_again(api: Client, url: str):
    await api("POST", "/workflows", json=document(NAP))
    runs = [(await api("POST", "/workflows/test/runs", json={})).json() for _ in range(5)]
    async with exhausted(url):
        assert (await api("GET", "/sweep")).status == 503
    swept = await api("GET", "/sweep")
    assert (swept.status, swept.json()["completed"]) == (200, len(runs))
    assert {(await api("GET", f"/runs/{run['id']}")).json()["status"] for run in runs} == {"completed"}


async def test_a_stream_outlives_the_time_without_connections(api: Client, url: str):
    await api("POST", "/workflows", json=document(PURE))
    run = (await api("POST", "/workflows/test/runs", json={})).json()
    async with asyncio.timeout(PATIENCE_SECONDS), api.open("GET", f"/runs/{run['id']}/stream") as watched:
        await watched.started()
        body = await watched.read() or b""
        async with exhausted(url):
            assert (await api("GET", f"/runs/{run['id']}")).status == 503
        await api("GET", "/sweep")
        while (more := await watched.read()) is not None:
            body += more
    seqs = [seq for frame in read_frames(body) for seq in frame.seqs]
    assert seqs == list(range(1, len(seqs) + 1))
