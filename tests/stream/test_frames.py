"""Frames, byte by byte, and what a client's decoder makes of them."""

import json
from uuid import UUID

import pytest
from httpx_sse import ServerSentEvent
from httpx_sse._decoders import SSEDecoder

from lib.stream import frames

RUN = UUID("01890a5d-ac96-774b-bcce-b302099a8057")

CASES = {
    "connected": (
        frames.connected(RUN, 3),
        b'retry: 500\nid: 3\ndata: {"type":"connected","runId":"01890a5d-ac96-774b-bcce-b302099a8057"}\n\n',
    ),
    "update": (
        frames.update(b'{"id":"r"}', [b'{"seq":4}', b'{"seq":5}'], 5),
        b'id: 5\ndata: {"type":"update","run":{"id":"r"},"events":[{"seq":4},{"seq":5}]}\n\n',
    ),
    "update without events": (
        frames.update(b"{}", [], 9),
        b'id: 9\ndata: {"type":"update","run":{},"events":[]}\n\n',
    ),
    "gap": (frames.gap(4, 9), b'id: 9\ndata: {"type":"gap","from":4,"to":9}\n\n'),
    "complete": (frames.complete(7), b'id: 7\ndata: {"type":"complete"}\n\n'),
    "error": (frames.error("It broke.", 7), b'id: 7\ndata: {"type":"error","error":"It broke."}\n\n'),
    "heartbeat": (frames.HEARTBEAT, b": hb\n"),
    "come again": (
        frames.come_again("The database\nis döwn.", 2000),
        b"retry: 2000\n: The database is d?wn.\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bytes(name: str) -> None:
    made, expected = CASES[name]
    assert made == expected


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\u2028b", "a\u2029b", "a\x85b", "\ud800", "ä😀", "\0"])
def test_no_text_can_split_a_line(text: str) -> None:
    data = frames.error(text, 1)
    assert data.count(b"\n") == 3
    assert b"\r" not in data
    assert json.loads(decode(data)[0].data)["error"] == text


def test_a_heartbeat_between_frames_is_no_event() -> None:
    data = frames.HEARTBEAT + frames.connected(RUN, 0) + frames.HEARTBEAT * 2 + frames.complete(1) + frames.HEARTBEAT
    assert [json.loads(event.data)["type"] for event in decode(data)] == ["connected", "complete"]


def test_the_retry_time_belongs_to_the_first_event() -> None:
    assert [event.retry for event in decode(frames.connected(RUN, 0) + frames.complete(1))] == [500, None]


def test_come_again_is_no_event() -> None:
    assert decode(frames.come_again("The database is down.", 2000)) == []


def decode(data: bytes) -> list[ServerSentEvent]:
    """The events that httpx-sse finds in these bytes."""
    decoder = SSEDecoder()
    found = [decoder.decode(line) for line in data.decode().split("\n")[:-1]]
    return [event for event in found if event]
