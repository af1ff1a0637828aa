"""One embedded Postgres per test process, one migrated template, a fresh clone of it for every test.

With `--pooled` every test that has a database, and no other, runs and reaches it through a PgBouncer in transaction
mode; what by its nature needs a session of its own takes `direct_url`.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from lib import calls, db, migrate
from lib.config import settings
from lib.dev.postgres import Server
from tests.pooler import PGBOUNCER, run_pooler
from tests.service import Service

type Configure = Callable[..., None]
type Reach = Callable[[str], str]

# As many as a small plan of a provider gives one database.
POOL_SIZE = 15

_names = (f"test_{number}" for number in itertools.count())


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the command line choose how tests reach their databases."""
    parser.addoption("--pooled", action="store_true", help="reach every test's database through a PgBouncer")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where a pooler was asked for, tests without a database would only say again what they said before."""
    if config.getoption("--pooled"):
        mine = {item for item in items if "reach" in getattr(item, "fixturenames", ())}
        config.hook.pytest_deselected(items=[item for item in items if item not in mine])
        items[:] = [item for item in items if item in mine]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the platform does."""
    return "asyncio"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Postgres of this test process's own, without fsync; DATABASE_URL in the environment is not touched."""
    with Server(tmp_path_factory.mktemp("postgres") / "data", durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """The name of a database that is migrated once and never connected to again."""
    server.create_database("template_ratchet")
    asyncio.run(migrate.migrate(server.url("template_ratchet")))
    return "template_ratchet"


@pytest.fixture(scope="session")
def reach(request: pytest.FixtureRequest, server: Server) -> Iterator[Reach]:
    """From a database's own URL to the one that tests use: the same, unless a pooler was asked for."""
    if not request.config.getoption("--pooled"):
        yield str
    elif PGBOUNCER is None:
        pytest.skip("pgbouncer not found: not run")
    else:
        with run_pooler(server, pool_size=POOL_SIZE) as pooler:
            yield pooler.url


@pytest.fixture
def direct_url(server: Server, template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database, with no pooler in between."""
    name = next(_names)
    server.create_database(name, template=template)
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def database_url(direct_url: str, reach: Reach) -> str:
    """The URL of the same database as everybody reaches it."""
    return reach(direct_url)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Set these environment variables and read the settings again; at first none of ours is set."""

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()

    for name in [
        name
        for name in os.environ
        if name.startswith(("RATCHET_", "VERCEL", "CRON_", "DATABASE_URL", "DB_TOOL_", "AI_"))
    ]:
        monkeypatch.delenv(name)
    settings.cache_clear()
    yield change
    settings.cache_clear()


@pytest.fixture
async def database(database_url: str, configure: Configure) -> AsyncIterator[str]:
    """A fresh database that this process's settings and pool point at."""
    configure(DATABASE_URL=database_url)
    yield database_url
    await db.close()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A loopback service that effects may call."""
    async with Service() as running:
        yield running
    await calls.close()


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return Path(__file__).parent.parent
