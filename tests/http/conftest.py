"""Settings for tests that need no database, and the log as it is written."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lib.config import settings
from lib.http import rates

type Configure = Callable[..., None]
type ReadLog = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Set these environment variables and read the settings again."""

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()

    for name in ("RATCHET_API_KEYS", "CRON_SECRET", "VERCEL", "RATCHET_RATE_LIMIT", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    rates.forget()
    yield change
    settings.cache_clear()
    rates.forget()


@pytest.fixture
def read_log(capsys: pytest.CaptureFixture[str]) -> ReadLog:
    """What was logged since the last look."""

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return read
