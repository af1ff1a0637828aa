"""A migrated database that holds the sample application too, and the tool's two least-privilege logins for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lib import db
from lib.dbtool import logins
from lib.dbtool.setup import set_up
from lib.dbtool.walls import Wishes
from lib.dev.postgres import Server
from tests.conftest import Configure, Reach

READER, WRITER, PASSWORD = "tool_reader", "tool_writer", "none-but-us"
SCHEMA = Path(__file__).parent / "schema.sql"

# The ledger may be written and not be read: the tests need one of these.
SECRET = "revoke select on rental.ledger from tool_reader, tool_writer"


@dataclass(frozen=True)
class ToolDatabase:
    """The URLs of one database: its owner's, and those of the tool's two logins."""

    owner: str
    read: str
    write: str


@pytest.fixture(scope="session")
def tool_template(server: Server, template: str) -> str:
    """The name of a database with the sample application and its grants; never connected to again."""
    name = "template_tool"
    url = server.create_database(name, template=template)
    wishes = Wishes(read_role=READER, write_role=WRITER, schemas=("rental",))
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(SCHEMA.read_bytes())
        asyncio.run(set_up(url, wishes, dict.fromkeys((READER, WRITER), PASSWORD)))
        conn.execute(SECRET)
    return name


@pytest.fixture
def tool_database(
    server: Server, tool_template: str, reach: Reach, request: pytest.FixtureRequest
) -> Iterator[ToolDatabase]:
    """A fresh copy of it; the settings do not know it yet."""
    name = f"tool_{abs(hash(request.node.nodeid)):x}"
    yield _with_logins(reach(server.create_database(name, template=tool_template)))
    server.drop_database(name)


@pytest.fixture
async def tool(tool_database: ToolDatabase, configure: Configure) -> AsyncIterator[ToolDatabase]:
    """A fresh copy that this process's settings point at, for the tool as well as for Ratchet itself."""
    async with _used(tool_database, configure):
        yield tool_database


@pytest.fixture(scope="session")
def kept_database(server: Server, tool_template: str, reach: Reach) -> ToolDatabase:
    """One copy for all tests that change nothing but sequences."""
    return _with_logins(reach(server.create_database("tool_kept", template=tool_template)))


@pytest.fixture
async def kept_tool(kept_database: ToolDatabase, configure: Configure) -> AsyncIterator[ToolDatabase]:
    """That copy, with the settings pointing at it."""
    async with _used(kept_database, configure):
        yield kept_database


def _with_logins(owner: str) -> ToolDatabase:
    read, write = (make_conninfo(owner, user=user, password=PASSWORD) for user in (READER, WRITER))
    return ToolDatabase(owner, read, write)


@asynccontextmanager
async def _used(database: ToolDatabase, configure: Configure) -> AsyncIterator[None]:
    configure(DATABASE_URL=database.owner, DB_TOOL_READ_URL=database.read, DB_TOOL_WRITE_URL=database.write)
    try:
        yield
    finally:
        await logins.close()
        await db.close()
