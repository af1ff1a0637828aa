"""Reading `Prefer: wait=N`."""

import importlib
from datetime import UTC, datetime, timedelta

import pytest

from lib.http import Request, prefer


def request(header: str | None) -> Request:
    headers = [] if header is None else [(b"prefer", header.encode())]

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    return Request({"method": "POST", "path": "/", "headers": headers}, receive)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("respond-async", None),
        ("wait=5", 5),
        ("respond-async, wait=5", 5),
        ("WAIT = 5; x=y", 5),
        ('wait="5"', 5),
        ("wait=0", 0),
        ("wait=100000", prefer.MAX_WAIT_SECONDS),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=soon", None),
        ("await=5", None),
        ("wait=99999999999999", None),
    ],
)
def test_takes_whole_seconds_and_ignores_the_rest(header: str | None, seconds: int | None) -> None:
    assert prefer.read_wait(request(header)) == seconds


@pytest.mark.parametrize(("left", "seconds"), [(300, 60), (25, 14), (5, 0), (-5, 0)])
def test_never_waits_into_the_deadline(left: float, seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("lib.http.deadline")  # `lib.http.deadline` is the function of that name
    monkeypatch.setattr(module, "get_deadline", lambda: datetime.now(UTC) + timedelta(seconds=left))
    assert prefer.read_wait(request("wait=60")) == seconds
