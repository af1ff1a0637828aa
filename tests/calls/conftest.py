"""Calls in tests may go to loopback, where the tests' own servers are."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest

from lib import calls
from lib.config import settings

type HttpCaller = Callable[..., Coroutine[Any, Any, Any]]

CONTEXT = calls.CallContext("run-1", "/do/0/pet", 1, "run-1:/do/0/pet:1", 5.0)


@pytest.fixture(autouse=True)
def allow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Allow loopback; call it to allow something else."""

    def allow_addresses(words: str) -> None:
        monkeypatch.setenv("RATCHET_ALLOW_ADDRESSES", words)
        settings.cache_clear()

    allow_addresses("loopback")
    yield allow_addresses
    settings.cache_clear()


@pytest.fixture
async def http() -> AsyncIterator[HttpCaller]:
    """`await http(endpoint, …)`: one `call: http`; keywords are arguments; `about` changes the context."""

    async def call(endpoint: Any, *, about: Any = None, **given: Any) -> Any:
        arguments = {"method": "get", "endpoint": endpoint, **given}
        return await calls.run("http", arguments, replace(CONTEXT, **(about or {})))

    yield call
    await calls.close()
