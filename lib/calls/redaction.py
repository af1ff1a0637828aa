"""What may be shown of a request: a header is shown only if it cannot hold a secret.

Rule: shown by name, not hidden by name, for nobody can list every header that some service takes a key in.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

from lib.calls.targets import Target
from lib.dsl.faults import Fault

HIDDEN = "[redacted]"
PLAIN_HEADERS = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "cache-control", "content-encoding",
        "content-language", "content-type", "date", "idempotency-key", "if-match", "if-modified-since",
        "if-none-match", "if-unmodified-since", "prefer", "range", "user-agent",
    }
)  # fmt: skip
EXCERPT_CHARACTERS = 300
# Shorter values would strike out ordinary words.
_SHORTEST_SECRET = 4
_SHORTEST_PARAMETER = 8


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with every value hidden that could be a secret."""
    return {name: value if name in PLAIN_HEADERS else HIDDEN for name, value in headers.items()}


def sensitive_values(headers: Mapping[str, str], target: Target) -> set[str]:
    """The values of a request that no message may repeat: hidden headers and long query parameters."""
    found: set[str] = set()
    for name, value in headers.items():
        if name not in PLAIN_HEADERS:
            found |= {value, *value.split()}
        if name == "authorization" and value[:6].lower() == "basic ":
            found |= {_read_password(value[6:])}
    found = {value for value in found if len(value) >= _SHORTEST_SECRET}
    return found | {value for _, value in parse_qsl(target.query) if len(value) >= _SHORTEST_PARAMETER}


def _read_password(credentials: str) -> str:
    """The password in Basic credentials; empty when a document's own header holds something else."""
    try:
        return base64.b64decode(credentials).decode(errors="replace").partition(":")[2]
    except ValueError:
        return ""


def texts_in(value: Any) -> tuple[str, ...]:
    """Every text and number inside a secret, none of which a message may repeat."""
    match value:
        case dict():
            return tuple(text for member in value.values() for text in texts_in(member))
        case list():
            return tuple(text for member in value for text in texts_in(member))
        case None | bool() | "":
            return ()
        case _:
            return (value if isinstance(value, str) else json.dumps(value),)


def strike_out(text: str, hidden: Iterable[str]) -> str:
    """The text without these values, however they are spelled in JSON, in a URL or in base64."""
    spellings = {form for value in hidden if value for form in _spellings(value)}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, HIDDEN)
    return text


def _spellings(value: str) -> Iterable[str]:
    data = value.encode(errors="replace")
    plain = json.dumps(value, ensure_ascii=False)[1:-1]
    yield from (value, json.dumps(value)[1:-1], plain, quote(data), quote(data, safe=""), quote_plus(data))
    if len(value) >= _SHORTEST_SECRET:
        yield base64.b64encode(data).decode()


def without_secrets(fault: Fault, hidden: Iterable[str]) -> Fault:
    """The same fault, in words that repeat none of these values."""
    hidden = tuple(hidden)
    if not hidden:
        return fault
    title, detail = (text and strike_out(text, hidden) for text in (fault.title, fault.detail))
    return Fault(fault.type, fault.status, title, detail, fault.instance)


def excerpt(body: bytes, hidden: Iterable[str]) -> str:
    """The beginning of an error's body as one line of text, with these values struck out."""
    text = strike_out(body.decode(errors="replace"), hidden)
    line = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(line.split())
    return line if len(line) <= EXCERPT_CHARACTERS else line[:EXCERPT_CHARACTERS] + "…"
