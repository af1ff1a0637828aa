"""The README's tour of the database tool, on the sample database that `make dev` brings."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lib import db
from lib.dbtool import logins
from lib.dev.postgres import Server
from lib.dev.sample import open_sample
from tests.api.client import Client
from tests.conftest import Configure

pytestmark = pytest.mark.anyio

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.fixture
async def sample(server: Server, template: str, configure: Configure) -> AsyncIterator[Client]:
    """The API on a fresh database with the sample in it."""
    url = server.create_database("api_sample", template=template)
    configure(DATABASE_URL=url, **await open_sample(url))
    yield Client()
    await logins.close()
    await db.close()
    server.drop_database("api_sample")


def read_bodies() -> list[dict[str, Any]]:
    """What the section's calls of /db/query send, in their order."""
    section = README.partition("\n## The database tool\n")[2].partition("\n## ")[0]
    return [json.loads(body) for body in re.findall(r"/db/query[^']*'[^']*'[^']*-d '([^']*)'", section)]


async def test_the_tour_holds(sample: Client):
    reads, writes = read_bodies()
    found = (await sample("POST", "/db/query", json=reads)).json()
    assert (found["columns"], found["rows"][0]) == (["name", "zone"], ["Azores", "Atlantic/Azores"])
    assert found["row_count"] == 3
    tried = (await sample("POST", "/db/query", json=writes)).json()
    assert (tried["affected_rows"], tried["preview"]["after"][0]["state"]) == (1, "done")
    made = await sample("POST", "/db/query", json={**writes, "dry_run": False, "confirm": tried["confirm"]})
    assert (made.status, made.json()["affected_rows"]) == (200, 1)
    assert {table["name"] for table in (await sample("GET", "/db/schema")).json()["tables"]} >= {"places", "visits"}
    verdicts = [query["verdict"] for query in (await sample("GET", "/db/queries")).json()["queries"]]
    assert verdicts == ["ran", "dry_run", "ran"]
