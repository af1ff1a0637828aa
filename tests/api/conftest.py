"""The API on a fresh database, with nothing going on after a response unless a test asks for it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lib import db
from lib.http import rates
from tests.api.client import Client
from tests.conftest import Configure
from tests.documents import document

type Publish = Callable[..., Awaitable[dict[str, Any]]]
type StartRun = Callable[..., Awaitable[dict[str, Any]]]
type TakeDown = Callable[[], Awaitable[None]]

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
