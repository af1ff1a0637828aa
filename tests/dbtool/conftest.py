"""A migrated database that holds the sample application too, and the tool's two least-privilege logins for it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lib import db
from lib.dbtool import logins
from lib.dev.postgres import Server
from tests.conftest import Configure, Reach

READER, WRITER, PASSWORD = "tool_reader", "tool_writer", "none-but-us"
SCHEMA = Path(__file__).parent / "schema.sql"

GRANTS = """
revoke temporary on database {database} from public;
revoke create on schema public from public;
revoke execute on all functions in schema rental from public;
grant usage on schema rental to tool_reader, tool_writer;
grant select on all tables in schema rental to tool_reader, tool_writer;
revoke select on rental.members, rental.ledger from tool_reader, tool_writer;
grant select (member_id, name, email, joined, plan, invited_by, preferences) on rental.members
  to tool_reader, tool_writer;
grant insert, update, delete on all tables in schema rental to tool_writer;
grant usage on all sequences in schema rental to tool_writer;
"""


@dataclass(frozen=True)
class ToolDatabase:
    """The URLs of one database: its owner's, and those of the tool's two logins."""

    owner: str
    read: str
    write: str


@pytest.fixture(scope="session")
def tool_roles(server: Server) -> None:
    """The two logins, once for the whole server."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        for role in (READER, WRITER):
            conn.execute(sql.SQL("create role {} login noinherit password {}").format(sql.Identifier(role), PASSWORD))


@pytest.fixture(scope="session")
def tool_template(server: Server, template: str, tool_roles: None) -> str:
    """The name of a database with the sample application and its grants; never connected to again."""
    name = "template_tool"
    with psycopg.connect(server.create_database(name, template=template), autocommit=True) as conn:
        conn.execute(SCHEMA.read_bytes())
        conn.execute(sql.SQL(GRANTS).format(database=sql.Identifier(name)))
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
