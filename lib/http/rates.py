"""A token bucket per caller in each warm instance: a brake for a client gone wild, not a bill."""

import math
import time
from collections import OrderedDict

from lib.config import settings
from lib.errors import TooManyRequests
from lib.http.request import Request

# What a flood of made-up clients may cost us in memory: about 2 MB.
_MAX_BUCKETS = 10_000

_buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()


def admit(request: Request, caller_name: str) -> None:
    """Count this request against its caller (or its address) and tell it where it stands.

    Raises TooManyRequests with the seconds to wait.
    """
    rate = settings().rate_limit
    if rate is None:
        return
    quota, seconds = rate
    left = take(caller_name or _read_address(request), quota, seconds, time.monotonic())
    wait = math.ceil((1 - left % 1) * seconds / quota) if left < quota - 1 else 0
    tell(request, "default", rate, max(int(left), 0), wait)
    if left < 0:
        retry_after = max(1, math.ceil(-left * seconds / quota))
        sentence = f"More requests than {quota} in {seconds} s: try again in {retry_after} s."
        raise TooManyRequests(sentence, retry_after=retry_after)


def tell(request: Request, policy: str, rate: tuple[int, int], remaining: int, wait_seconds: int) -> None:
    """Say in the answer's headers what is left of a rate; headers as in draft-ietf-httpapi-ratelimit-headers-10."""
    quota, seconds = rate
    items = {
        "ratelimit-policy": f'"{policy}";q={quota};w={seconds}',
        "ratelimit": f'"{policy}";r={remaining};t={wait_seconds}',
    }
    for name, item in items.items():
        before = request.answer_headers.get(name)
        request.answer_headers[name] = f"{before}, {item}" if before else item


def take(name: str, quota: int, seconds: int, now: float) -> float:
    """Take one token from a bucket that holds `quota` and fills in `seconds`.

    Answers what is left; below zero nothing was taken, and it says how much is missing.
    """
    tokens, at = _buckets.pop(name, (float(quota), now))
    tokens = min(float(quota), tokens + (now - at) * quota / seconds)
    left = tokens - 1
    _buckets[name] = (left if left >= 0 else tokens, now)
    if len(_buckets) > _MAX_BUCKETS:
        _buckets.popitem(last=False)
    return left


def forget() -> None:
    """Start every caller with a full bucket."""
    _buckets.clear()


def _read_address(request: Request) -> str:
    """The client's address as the platform saw it; what a client writes there itself is replaced by it."""
    return request.headers.get("x-real-ip") or request.client
