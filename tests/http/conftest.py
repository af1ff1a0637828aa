"""The log as it is written, and rates that no test leaves to another."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lib.http import rates

type ReadLog = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def count_rates_anew() -> None:
    """No test's requests count for another's limit."""
    rates.forget()


@pytest.fixture
def read_log(capsys: pytest.CaptureFixture[str]) -> ReadLog:
    """What was logged since the last look."""

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return read
