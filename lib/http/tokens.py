"""Signed tokens that open one run's stream, for an EventSource, which cannot send headers.

A token is signed with its caller's key: taking a key out of the settings ends its tokens, too.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

from lib.errors import Unauthorized, Unavailable
from lib.http.caller import Caller
from lib.store import get_run

# Long enough to open a link; a stream that is already read goes on for as long as its run lives.
LIFE_SECONDS = 3600


def write_stream_url(run_id: UUID, caller: Caller) -> str:
    """The path of a run's stream, signed if this caller has a key that may read runs."""
    path = f"/runs/{run_id}/stream"
    if not caller.key or "runs:read" not in caller.scopes:
        return path
    # Rounded up, so that the same run has the same link for a while.
    expires = (int(time.time()) // LIFE_SECONDS + 2) * LIFE_SECONDS
    return f"{path}?token={expires}.{_sign(caller.key, run_id, expires)}"


def find_signer(token: str, run_id: UUID, keys: Mapping[str, frozenset[str]]) -> Caller | None:
    """Whose key signed this token for this run, expired or not."""
    expires, _, signature = token.partition(".")
    if not re.fullmatch(r"\d{1,12}", expires, re.ASCII):
        return None
    found = None
    for key, scopes in keys.items():
        if hmac.compare_digest(_sign(key, run_id, int(expires)).encode(), signature.encode()):
            found = Caller(key, scopes)
    return found


async def check_life(token: str | None, run_id: UUID, caller: Caller) -> None:
    """Raise Unauthorized for this caller's token past its hour, but never while its run lives."""
    if token is None or not caller.key or int(token.partition(".")[0]) > time.time():
        return
    with suppress(Unavailable):  # an error would end an EventSource for good, and nothing can be read now
        if (await get_run(run_id)).terminal:
            raise Unauthorized("This token has expired: read the run for a new stream_url.")


def _sign(key: str, run_id: UUID, expires: int) -> str:
    return hmac.new(key.encode(), f"stream {run_id} {expires}".encode(), hashlib.sha256).hexdigest()
