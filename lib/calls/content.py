"""A response's body: collected up to a limit while it is unpacked, then read by its content type.

Rule: nothing grows past the limit, neither what arrives nor what it unpacks to.
"""

import base64
import json
import math
import zlib
from typing import Any

from lib import json_text
from lib.dsl import faults

_JSON_TYPES = frozenset({"application/json", "text/json"})
_TEXT_TYPES = frozenset({"application/xml", "application/yaml", "application/javascript", "application/x-ndjson"})
_CHARSETS = frozenset({"utf-8", "us-ascii", "iso-8859-1", "windows-1252", "utf-16"})
_GZIP_WINDOW = zlib.MAX_WBITS | 16
_GZIP_MAGIC = b"\x1f\x8b"


class Collector:
    """The bytes of one body, unpacked as they come; `full` once it holds more than its limit."""

    def __init__(self, coding: str, limit: int) -> None:
        if coding not in ("", "identity", "gzip", "x-gzip"):
            raise faults.communication("The answer came in a content coding that was not asked for.", 502)
        self._gzip = zlib.decompressobj(_GZIP_WINDOW) if coding.endswith("gzip") else None
        self._limit = limit
        self._received = 0
        self._bytes = bytearray()

    @property
    def full(self) -> bool:
        """Whether the limit is passed, by what arrived or by what it unpacked to."""
        return max(self._received, len(self._bytes)) > self._limit

    def add(self, chunk: bytes) -> None:
        """Take the next bytes from the wire; they unpack to at most one byte more than the limit."""
        self._received += len(chunk)
        if self._gzip is None:
            self._bytes += chunk
            return
        try:
            self._unpack(chunk)
        except zlib.error:
            raise faults.communication("The answer is not valid gzip.", 502) from None

    @property
    def _room(self) -> int:
        return self._limit + 1 - len(self._bytes)

    def _unpack(self, chunk: bytes) -> None:
        """Unpack into the room that is left, member after member; what follows the last one is padding."""
        while chunk and self._gzip and self._room > 0:
            if self._gzip.eof:
                if not chunk.startswith(_GZIP_MAGIC):
                    return
                self._gzip = zlib.decompressobj(_GZIP_WINDOW)
            self._bytes += self._gzip.decompress(chunk, self._room)
            chunk = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail

    def take(self) -> bytes:
        """The whole body; raises a Fault if it is larger than its limit or ends early."""
        if self.full:
            raise faults.communication(f"The answer is larger than {self._limit} bytes.", 502)
        if self._gzip and self._received and not self._gzip.eof:
            raise faults.communication("The answer ends in the middle of its gzip.", 502)
        return bytes(self._bytes)

    def peek(self) -> bytes:
        """What there is so far."""
        return bytes(self._bytes)


def read(body: bytes, content_type: str) -> Any:
    """The body as JSON, text or base64, as its content type says; None when empty; raises a Fault."""
    media, _, parameters = content_type.partition(";")
    media = media.strip().lower()
    if not body:
        return None
    if media in _JSON_TYPES or media.endswith("+json"):
        return _json(body)
    if media.startswith("text/") or media.endswith(("+xml", "+yaml")) or media in _TEXT_TYPES:
        # No database text can hold a NUL.
        return body.decode(_charset(parameters), errors="replace").replace("\x00", "\ufffd")
    return base64.b64encode(body).decode()


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and (charset := value.strip().strip('"').lower()) in _CHARSETS:
            return charset
    return "utf-8"


def _json(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_float=_finite, parse_constant=_finite)
        if "\\u" in text:
            _check_characters(value)
    except (ValueError, RecursionError):
        raise faults.communication("The answer says it is JSON and is not.", 502) from None
    if json_text.is_deeper_than(json_text.MAX_DEPTH, value):
        raise faults.communication(f"The answer's JSON is nested more than {json_text.MAX_DEPTH} deep.", 502)
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _check_characters(value: Any) -> None:
    """Refuse what JSON can escape and no database text can hold: NUL and half surrogate pairs."""
    plain = json.dumps(value, ensure_ascii=False)
    plain.encode()  # a half pair raises
    if "\\u0000" in plain.replace("\\\\", ""):
        raise ValueError("NUL")
