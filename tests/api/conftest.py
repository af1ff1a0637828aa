"""The API on a fresh database, with nothing going on after a response unless a test asks for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lib import db
from lib.dbtool import catalog, logins
from lib.dbtool.setup import set_up
from lib.dbtool.walls import Wishes
from lib.dev.postgres import Server
from lib.http import rates
from tests.api.client import Client
from tests.conftest import Configure
from tests.documents import document

type Publish = Callable[..., Awaitable[dict[str, Any]]]
type StartRun = Callable[..., Awaitable[dict[str, Any]]]
type TakeDown = Callable[[], Awaitable[None]]

# Roles belong to the whole server: other rooms' tests have logins of other names.
TOOL_LOGINS = {"api_reader": "s3cret-of-the-reader", "api_writer": "s3cret-of-the-writer"}
SAMPLE = Path(__file__).parents[1] / "dbtool/schema.sql"

PURE = [{"greet": {"set": {"hello": "${ .name }"}}}]


@pytest.fixture
def api(database: str, configure: Configure) -> Client:
    """A client of this database's API."""
    configure(RATCHET_AFTER_RESPONSE="off", RATCHET_ALLOW_ADDRESSES="loopback")
    rates.forget()
    return Client()


@pytest.fixture
def take_database_down(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> TakeDown:
    """From now on nothing answers where the database was; found out in a tenth of a second, not in five."""

    async def take_down() -> None:
        monkeypatch.setattr(db, "_CONNECT_SECONDS", 0.1)
        configure(DATABASE_URL="postgresql://nobody:s3cret@127.0.0.1:1/nothing")
        await db.close()

    return take_down


@pytest.fixture
def publish(api: Client) -> Publish:
    """Publish a document with these tasks over the API."""

    async def publish_tasks(tasks: list[dict[str, Any]] = PURE, name: str = "test") -> dict[str, Any]:
        found = await api("POST", "/workflows", json=document(tasks, name))
        assert found.status in (200, 201), found.body
        return found.json()

    return publish_tasks


@pytest.fixture
def start(api: Client, publish: Publish) -> StartRun:
    """Publish these tasks and start a run of them over the API."""

    async def start_run(tasks: list[dict[str, Any]] = PURE, name: str = "test", **body: Any) -> dict[str, Any]:
        workflow = await publish(tasks, name)
        found = await api("POST", f"/workflows/{workflow['id']}/runs", json=body)
        assert found.status == 202, found.body
        return found.json()

    return start_run


@pytest.fixture(scope="session")
def tool_template(server: Server, template: str) -> str:
    """The name of a migrated database that holds the sample application, too, set up for the tool."""
    url = server.create_database("template_api_tool", template=template)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(SAMPLE.read_bytes())
    reader, writer = TOOL_LOGINS
    asyncio.run(set_up(url, Wishes(read_role=reader, write_role=writer, schemas=("rental",)), TOOL_LOGINS))
    return "template_api_tool"


@pytest.fixture
async def tool(
    server: Server, tool_template: str, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    """The API on a fresh database that holds the sample application, too, with both logins of the tool."""
    name = "api_tool"
    url = server.create_database(name, template=tool_template)
    reads, writes = (make_conninfo(url, user=role, password=secret) for role, secret in TOOL_LOGINS.items())
    configure(DATABASE_URL=url, DB_TOOL_READ_URL=reads, DB_TOOL_WRITE_URL=writes, RATCHET_AFTER_RESPONSE="off")
    monkeypatch.setattr(catalog, "_kept", None)
    rates.forget()
    yield Client()
    await logins.close()
    await db.close()
    server.drop_database(name)
