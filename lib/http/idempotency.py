"""`Idempotency-Key`: the same request twice is done once, and gets the first answer again.

A key belongs to its caller and to the path it was sent to; whether it was seen before is decided by the
database, in the statement that starts the run or publishes the workflow.
"""

import hashlib
import json
import re
from typing import Any

from lib.errors import BadRequest
from lib.http.request import Request
from lib.http.routes import split_path
from lib.store import Idempotency

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def read_idempotency(request: Request, body: Any) -> Idempotency | None:
    """The key and what it was sent with, both as hashes; None without the header. Raises BadRequest."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise BadRequest("Idempotency-Key must be 1 to 255 visible ASCII characters.", limit=255)
    return Idempotency(_digest([request.caller.name, *split_path(request.path), key]), _digest(body))


def _digest(value: Any) -> bytes:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
