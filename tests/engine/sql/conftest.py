"""Engine tests whose database has tables of an application's and the two logins of the database tool."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from lib import db
from lib.dbtool import logins
from lib.dev.postgres import Server
from tests.conftest import Configure, Reach
from tests.engine.sql.ledger import Urls, find, lay_out

_names = (f"ledger_{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def ledger_template(server: Server, template: str) -> str:
    """The name of a database with a ledger that is never connected to again."""
    lay_out(server, "template_ledger", template)
    return "template_ledger"


@pytest.fixture
def ledger(server: Server, ledger_template: str, reach: Reach) -> Iterator[Urls]:
    """A fresh copy of it."""
    name = next(_names)
    server.create_database(name, template=ledger_template)
    yield find(reach(server.url(name)))
    server.drop_database(name)


@pytest.fixture
async def database(ledger: Urls, configure: Configure) -> AsyncIterator[str]:
    """This process's settings and pools point at the ledger, as Ratchet's own database and as the tool's."""
    configure(**ledger.environment)
    yield ledger.owner
    await logins.close()
    await db.close()
