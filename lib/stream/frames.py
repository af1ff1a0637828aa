"""The bytes of a stream: what each frame looks like on the wire.

Real clients taught the shape: every block with data has an id, `retry:` never stands in a block of its own,
and a heartbeat ends in one newline (a blank line after it makes three client libraries emit an empty event).
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

type Cursor = int  # the seq of the last event a client has seen

RETRY_MS = 500
HEARTBEAT = b": hb\n"


def encode(value: Any) -> bytes:
    """This JSON value as one line of ASCII, so that no line separator of any alphabet can split it."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def connected(run_id: UUID, cursor: Cursor) -> bytes:
    """The first frame; its id is the client's own cursor, so that a reconnect before any event loses none."""
    return b"retry: %d\n" % RETRY_MS + _block(cursor, encode({"type": "connected", "runId": str(run_id)}))


def update(run: bytes, events: Iterable[bytes], cursor: Cursor) -> bytes:
    """The run as it is now and the events up to `cursor`, all of them already encoded."""
    return _block(cursor, b'{"type":"update","run":%b,"events":[%b]}' % (run, b",".join(events)))


def gap(first: Cursor, last: Cursor) -> bytes:
    """The events `first` to `last` are no longer kept."""
    return _block(last, encode({"type": "gap", "from": first, "to": last}))


def complete(cursor: Cursor) -> bytes:
    """The run has ended and everything about it was sent."""
    return _block(cursor, b'{"type":"complete"}')


def error(sentence: str, cursor: Cursor) -> bytes:
    """The stream itself has failed; nothing was lost, a reconnect goes on after `cursor`."""
    return _block(cursor, encode({"type": "error", "error": sentence}))


def come_again(sentence: str, milliseconds: int) -> bytes:
    """A whole stream without an event: a client that reconnects too early waits, and does not give up."""
    return b"retry: %d\n: %b\n" % (milliseconds, " ".join(sentence.split()).encode("ascii", "replace"))


def _block(cursor: Cursor, data: bytes) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (cursor, data)
