"""Everything through a real PgBouncer in transaction mode, with two connections for all of it.

Transaction mode is what Neon, Supabase and Vercel hand out: each transaction may run on another connection, and
what a session leaves behind meets a stranger. Nothing cleans up here (no reset query), so nothing may be left.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lib import dsl, engine, migrate, store, stream
from lib.dev.postgres import Server
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from lib.stream.clock import Clock
from lib.stream.poller import Poller
from tests import documents
from tests.conftest import Configure
from tests.history import event_types, sql
from tests.pooler import PATIENCE_SECONDS, PGBOUNCER, Pooler, forget_sessions, run_pooler
from tests.service import Service
from tests.stream.tools import next_write, read_all, read_frames, seqs_of, until_idle

POOL_SIZE = 2

# PgBouncer itself carries these from client to client; everything else a session has set is a leak.
CARRIED = {"application_name", "client_encoding", "DateStyle", "standard_conforming_strings", "TimeZone"}
LEFTOVERS = """
select 'setting ' || name from pg_settings where source = 'session' and name <> all(%(carried)s)
union all select 'ratchet.now' where current_setting('ratchet.now', true) <> ''
union all select 'prepared ' || name from pg_prepared_statements
union all select 'listens to ' || channel from pg_listening_channels() channel
union all select 'cursor ' || name from pg_cursors where is_holdable
union all select 'lock ' || locktype from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'
union all select 'table ' || relname from pg_class where relpersistence = 't' and pg_table_is_visible(oid)
"""

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer not found: not run"),
]


@pytest.fixture(scope="module")
def narrow(server: Server) -> Iterator[Pooler]:
    """A pooler with two connections for each database."""
    with run_pooler(server, pool_size=POOL_SIZE) as running:
        yield running


@pytest.fixture
async def untidy(narrow: Pooler, database: str, configure: Configure) -> str:
    """A fresh database that this process's settings and pool reach through the pooler."""
    configure(DATABASE_URL=narrow.url(database), RATCHET_ALLOW_ADDRESSES="loopback")
    return narrow.url(database)


@pytest.fixture
async def pooled(untidy: str) -> AsyncIterator[str]:
    """The same, and whatever a test does through it, it must leave nothing in any session."""
    yield untidy
    assert await read_leftovers(untidy) == []


@pytest.fixture
async def poller(pooled: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Poller]:
    """The poller behind `stream.follow`, in real time."""
    owned = Poller(Clock())
    monkeypatch.setattr(stream, "_poller", owned)
    yield owned
    await until_idle(owned)


@pytest.fixture
def empty(server: Server, narrow: Pooler) -> Iterator[str]:
    """The URL, through the pooler, of a database that was never migrated."""
    server.create_database("pooled_empty")
    yield narrow.url(server.url("pooled_empty"))
    server.drop_database("pooled_empty")


async def read_leftovers(url: str) -> list[str]:
    """What sessions have left on every connection of the pool, looked at side by side."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        clients = [await psycopg.AsyncConnection.connect(url, prepare_threshold=None) for _ in range(POOL_SIZE)]
        try:
            found: list[tuple[int, list[str]]] = [await look(client) for client in clients]
        finally:
            for client in clients:
                await client.close()
    assert len({pid for pid, _ in found}) == POOL_SIZE  # each transaction held a connection of its own
    return [what for _, left in found for what in left]


async def look(client: psycopg.AsyncConnection[Any]) -> tuple[int, list[str]]:
    """The server process this transaction, left open, runs in, and what is left there."""
    [(pid,)] = await (await client.execute("select pg_backend_pid()")).fetchall()
    cursor = await client.execute(LEFTOVERS, {"carried": list(CARRIED)})
    return pid, [what for (what,) in await cursor.fetchall()]


async def publish(definition: dict[str, Any]) -> str:
    """Publish it; answers the workflow's id."""
    document = dsl.compile_document(definition)
    about = (document.namespace, document.name, document.version)
    workflow, _ = await store.publish_workflow(*about, definition, document.type, document.hash)
    return str(workflow.id)


async def start(workflow: str) -> UUID:
    run, _ = await engine.start(workflow, {}, "auto")
    return run.id


async def test_a_migration_goes_through_it(empty: str):
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await migrate.migrate(empty) == [path.stem for path in migrate.table_files()]
        assert await migrate.migrate(empty) == []
    assert await read_leftovers(empty) == []


async def test_eight_migrations_at_once_are_one(empty: str):
    async with asyncio.timeout(PATIENCE_SECONDS):
        ran = await asyncio.gather(*(migrate.migrate(empty) for _ in range(8)))
    assert sorted(ran, key=len) == [[]] * 7 + [[path.stem for path in migrate.table_files()]]
    assert await read_leftovers(empty) == []


async def test_two_sweeps_share_40_runs_and_no_effect(pooled: str, service: Service):
    async with asyncio.timeout(PATIENCE_SECONDS):
        workflow = await publish(documents.document(documents.calls(service.url, 2)))
        run_ids = await asyncio.gather(*(start(workflow) for _ in range(40)))
        first, second = await asyncio.gather(sweep_all(Reactor(), None), sweep_all(Reactor(), None))
        assert first.completed + second.completed == first.claimed + second.claimed == 40
        assert len(service.keys()) == 80
        assert set(service.keys().values()) == {1}
        for run_id in run_ids[::10]:
            assert (await event_types(run_id))[-1] == "workflow.completed"


async def test_a_stream_follows_a_run_to_complete(pooled: str, service: Service, poller: Poller):
    async with asyncio.timeout(PATIENCE_SECONDS):
        run_id = await start(await publish(documents.document(documents.calls(service.url, 3))))
        service.gate.clear()
        sweep = asyncio.create_task(sweep_all(Reactor(), None))
        await service.arrived.wait()
        client = await stream.follow(run_id, None, None)
        assert client
        seen = read_frames(await next_write(client)) + read_frames(await next_write(client))
        assert [frame.kind for frame in seen] == ["connected", "update"]
        assert seen[-1].body["run"]["status"] == "running"
        service.gate.set()
        seen += await read_all(client)
        assert (await sweep).completed == 1
    assert seen[-1].kind == "complete"
    assert seqs_of(seen) == list(range(1, seen[-1].id + 1))


async def test_many_clients_share_its_two_connections(pooled: str, direct_url: str):
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(sql("select pg_sleep(0.01)") for _ in range(20)))
        async with await psycopg.AsyncConnection.connect(direct_url) as direct:
            cursor = await direct.execute(
                "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            )
            assert await cursor.fetchone() == (POOL_SIZE,)


@pytest.mark.parametrize(
    ("leak", "said"),
    [
        ("set lock_timeout = '5s'", "setting lock_timeout"),
        ("set ratchet.now = '2030-01-01'", "ratchet.now"),
        ("listen here", "listens to here"),
        ("prepare this as select 1", "prepared this"),
        ("select pg_advisory_lock(1)", "lock advisory"),
        ("create temp table here ()", "table here"),
    ],
)
async def test_what_a_session_leaves_would_be_found(untidy: str, leak: str, said: str):
    await sql(leak)
    assert said in await read_leftovers(untidy)


async def test_a_moved_clock_reaches_only_new_sessions_and_there_are_some_when_asked_for(untidy: str, direct_url: str):
    await sql("select 1")
    async with await psycopg.AsyncConnection.connect(direct_url, autocommit=True) as direct:
        [(name,)] = await (await direct.execute("select current_database()")).fetchall()
        await direct.execute(f"alter database {name} set ratchet.now = '2040-01-01'".encode())
    assert await sql("select extract(year from ratchet.clock())::int > 2039") == [(False,)]
    await forget_sessions(untidy)
    assert await sql("select extract(year from ratchet.clock())::int > 2039") == [(True,)]
