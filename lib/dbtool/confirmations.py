"""Confirm tokens: the proof that a write was dry-run, by this caller, exactly as it stands, a short time ago.

A token is signed and not encrypted. It holds no statement and no value: those are bound by the signature. Its key
comes from the write login's URL, a secret that every instance has, so no instance has to remember a token. Using
it once only is the composition's business: it has an `id` to be spent.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import conninfo_to_dict

from lib.config import settings
from lib.dbtool.refusals import refused, stale

if TYPE_CHECKING:
    from lib.dbtool.guard import Statement

VALID = timedelta(minutes=10)
_PURPOSE = b"confirmation of a dry-run write, 1"
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a token says: `id` is random and for a single use, `rows` is how many the dry run changed."""

    id: str
    rows: int
    expires_at: datetime


def issue(
    statement: "Statement", parameters: Sequence[Any], *, caller: str, affected_rows: int, now: datetime
) -> tuple[str, Confirmation]:
    """A token for this write, and what it says; `caller` is who may use it, in any words that stay the same."""
    expires_at = (now + VALID).astimezone(UTC).replace(microsecond=0)
    confirmation = Confirmation(secrets.token_urlsafe(16), affected_rows, expires_at)
    content = json.dumps([confirmation.id, affected_rows, int(expires_at.timestamp())]).encode()
    signature = _sign(content, statement, parameters, caller)
    return f"{_encode(content)}.{_encode(signature)}", confirmation


def check(token: str, statement: "Statement", parameters: Sequence[Any], *, caller: str, now: datetime) -> Confirmation:
    """What a token says; raises QueryRefused unless it was issued for just this, ConfirmationStale when it is old."""
    try:
        content, signature = map(_decode, token[:_LONGEST].split("."))
    except ValueError:
        content, signature = b"", b""
    genuine = hmac.compare_digest(signature, _sign(content, statement, parameters, caller))
    if not genuine or token != f"{_encode(content)}.{_encode(signature)}":  # one proof has one spelling
        raise refused("confirm_mismatch")
    name, rows, expires = json.loads(content)
    confirmation = Confirmation(name, rows, datetime.fromtimestamp(expires, UTC))
    if now >= confirmation.expires_at:
        raise stale("confirm_expired", f"The token was valid for {VALID.seconds // 60} minutes.")
    return confirmation


def _sign(content: bytes, statement: "Statement", parameters: Sequence[Any], caller: str) -> bytes:
    """The signature over all that is confirmed; each part's length goes in, so none can run into the next."""
    values = json.dumps(list(parameters), sort_keys=True, separators=(",", ":")).encode()
    parts = (content, statement.text.encode(), values, caller.encode(), _database())
    message = b"".join(len(part).to_bytes(8) + part for part in parts)
    key = hmac.digest(settings().database_tool.write_url.encode(), _PURPOSE, hashlib.sha256)
    return hmac.digest(key, message, hashlib.sha256)


def _database() -> bytes:
    """Which database the write login means."""
    told = conninfo_to_dict(settings().database_tool.write_url)
    return json.dumps([told.get(name) for name in ("host", "hostaddr", "port", "dbname", "user")]).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
