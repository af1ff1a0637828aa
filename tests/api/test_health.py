"""GET /health."""

import pytest

from lib import db
from tests.api.client import Client
from tests.api.conftest import StartRun, TakeDown
from tests.conftest import Configure

pytestmark = pytest.mark.anyio


async def test_tells_the_schema_the_backlog_and_the_last_sweep(api: Client, start: StartRun) -> None:
    await start()
    health = (await api("GET", "/health")).json()
    assert (health["status"], health["database"], health["backlog"]) == ("ok", "ok", 1)
    assert health["schema_version"]
    assert health["oldest_due_at"] < health["now"]
    assert health["last_sweep_at"] is None
    await api("POST", "/sweep")
    health = (await api("GET", "/api/health")).json()
    assert (health["backlog"], health["oldest_due_at"], health["last_sweep_ended"]) == (0, None, "drained")
    assert health["last_sweep_at"] < health["now"]


async def test_needs_no_key(api: Client, configure: Configure) -> None:
    configure(RATCHET_API_KEYS="everything", VERCEL="1")
    assert (await api("GET", "/health")).status == 200


async def test_a_database_that_is_down_is_503_with_retry_after(api: Client, take_database_down: TakeDown) -> None:
    await take_database_down()
    refused = await api("GET", "/health")
    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    assert b"s3cret" not in refused.body
    assert b"127.0.0.1" not in refused.body


async def test_a_missing_database_setting_is_named(api: Client, configure: Configure) -> None:
    configure(DATABASE_URL="")
    await db.close()
    assert "DATABASE_URL" in (await api("GET", "/health")).json()["detail"]
