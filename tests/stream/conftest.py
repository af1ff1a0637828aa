"""A poller whose time is owned by the test, and a hand that moves runs in a fresh database."""

from collections.abc import AsyncIterator

import pytest

from lib import stream
from lib.stream.poller import Poller
from tests.stream.tools import Hand, OwnedClock, make_hand, until_idle


@pytest.fixture
def clock() -> OwnedClock:
    """The time of this test."""
    return OwnedClock()


@pytest.fixture
async def poller(database: str, clock: OwnedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Poller]:
    """The poller behind `stream.follow`; whatever a test does, it must leave nothing behind."""
    owned = Poller(clock)
    monkeypatch.setattr(stream, "_poller", owned)
    yield owned
    await until_idle(owned)


@pytest.fixture
async def hand(database: str) -> Hand:
    """A hand that moves runs."""
    return await make_hand()
