"""A `call: http`'s arguments, checked and made into a request.

Rule: the arguments come evaluated but not trusted. Whatever is wrong with them is the standard validation
fault, 400, and its text names the argument, never its value.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast
from urllib.parse import quote, urlencode

from lib.calls import targets
from lib.calls.redaction import PLAIN_HEADERS
from lib.calls.targets import Target
from lib.dsl import faults

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_HEADER_BYTES = 16 * 1024
MAX_KEY_CHARACTERS = 255

type Output = Literal["content", "response", "raw"]

_KNOWN = frozenset({"method", "endpoint", "headers", "query", "body", "output", "redirect"})
_METHOD = re.compile(r"[A-Za-z]{1,20}")
_REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# The connection's own business, or another way to say where the request goes.
_REFUSED_HEADERS = frozenset(
    {
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_DEFAULT_HEADERS = {
    "accept": "application/json, */*;q=0.8",
    "accept-encoding": "gzip",
    "user-agent": "ratchet",
}


@dataclass(frozen=True)
class Request:
    """One request as it goes over the wire; header names are lower case."""

    method: str
    target: Target
    headers: Mapping[str, str]
    body: bytes

    def with_header(self, name: str, value: str) -> "Request":
        """The same request with this header."""
        return replace(self, headers={**self.headers, name: value})

    def redirected(self, status: int, location: str) -> "Request":
        """The request that a redirect asks for, as RFC 9110 has it; raises a Fault for a bad location.

        Another origin gets only the headers that cannot hold a credential.
        """
        target = self.target.follow(location)
        method, headers, body = self.method, dict(self.headers), self.body
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
            method, body = "GET", b""
            headers = {name: value for name, value in headers.items() if not name.startswith("content-")}
        if target.origin != self.target.origin:
            headers = {name: value for name, value in headers.items() if name in PLAIN_HEADERS}
        return replace(self, method=method, target=target, headers=headers, body=body)


@dataclass(frozen=True)
class HttpCall:
    """What the document asks for: a request, what to hand back of the answer, whether to follow redirects.

    `policy` is how the request shall authenticate, not judged yet; None: it does not.
    """

    request: Request
    output: Output
    redirect: bool
    policy: Any = None


def read(arguments: Any, idempotency_key: str) -> HttpCall:
    """The call that an evaluated `with` describes; raises a Fault."""
    given = _mapping(arguments, "with")
    if unknown := given.keys() - _KNOWN:
        raise faults.validation(f"call: http has no argument '{min(unknown)}'.")
    output, redirect = given.get("output", "content"), given.get("redirect", False)
    if output not in ("content", "response", "raw"):
        raise faults.validation("output must be content, response or raw.")
    if not isinstance(redirect, bool):
        raise faults.validation("redirect must be true or false.")
    target, policy = _endpoint(given.get("endpoint"))
    headers = {**_DEFAULT_HEADERS, "idempotency-key": _key_header(idempotency_key)}
    headers |= dict(_headers(given.get("headers")))
    body = _body(given.get("body"), headers)
    target = target.with_query(list(_query(given.get("query"))))
    return HttpCall(Request(_method(given), target, headers, body), cast("Output", output), redirect, policy)


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise faults.validation(f"{name} must be an object.")
    return value


def _method(given: Mapping[str, Any]) -> str:
    method = given.get("method")
    if not isinstance(method, str) or not _METHOD.fullmatch(method) or method.upper() in _REFUSED_METHODS:
        raise faults.validation("method must be an HTTP method such as get or post.")
    return method.upper()


def _endpoint(endpoint: Any) -> tuple[Target, Any]:
    policy = None
    if isinstance(endpoint, Mapping):
        if not endpoint.keys() <= {"uri", "authentication"}:
            raise faults.validation("An endpoint has uri and authentication, nothing else.")
        policy, endpoint = endpoint.get("authentication"), endpoint.get("uri")
    if not isinstance(endpoint, str):
        raise faults.validation("endpoint must be a URI, or an object with one in uri.")
    return targets.read(endpoint), policy


def _headers(given: Any) -> Iterator[tuple[str, str]]:
    size = 0
    for name, value in _mapping({} if given is None else given, "headers").items():
        if not _HEADER_NAME.fullmatch(name):
            raise faults.validation("headers has a name that is not a header's.")
        if name.lower() in _REFUSED_HEADERS:
            raise faults.validation(f"The header '{name}' is not the document's to set.")
        if value is None:
            continue
        text = _text(value, f"The header '{name}'").strip(" \t")
        if not _HEADER_VALUE.fullmatch(text):
            raise faults.validation(f"The header '{name}' holds characters that no header may.")
        size += len(name) + len(text)
        if size > MAX_HEADER_BYTES:
            raise faults.validation(f"headers may have {MAX_HEADER_BYTES} bytes.")
        yield name.lower(), text


def _query(given: Any) -> Iterator[tuple[str, str]]:
    """Each parameter, a list as one per member; null leaves a parameter out."""
    for name, value in _mapping({} if given is None else given, "query").items():
        for member in value if isinstance(value, list) else [value]:
            if member is not None:
                yield name, _text(member, f"The query parameter '{name}'")


def _text(value: Any, what: str) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str) and not re.search("[\ud800-\udfff]", value):
        return value
    raise faults.validation(f"{what} must be text, a number or a boolean.")


def _body(value: Any, headers: dict[str, str]) -> bytes:
    """The body's bytes, adding a content type to `headers` if the document names none.

    Text goes as it is; anything else as JSON, or as a form if the content type asks for one.
    """
    if value is None:
        return b""
    if isinstance(value, str):
        headers.setdefault("content-type", "text/plain; charset=utf-8")
        body = value.encode(errors="replace")
    else:
        media = headers.setdefault("content-type", "application/json").partition(";")[0].strip().lower()
        body = _encoded(value, media)
    if len(body) > MAX_BODY_BYTES:
        raise faults.validation(f"body may have {MAX_BODY_BYTES} bytes, this one has {len(body)}.")
    return body


def _encoded(value: Any, media: str) -> bytes:
    if media == "application/json" or media.endswith("+json"):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
    if media == "application/x-www-form-urlencoded":
        return urlencode(list(_query(_mapping(value, "body")))).encode()
    raise faults.validation("A body that is not text goes as JSON or as a form; content-type says neither.")


def _key_header(key: str) -> str:
    """The key as a header can hold it, and as short as common services take it."""
    plain = quote(key, safe="/:@!$&'()*+,;=~-._")
    if len(plain) <= MAX_KEY_CHARACTERS:
        return plain
    return f"{plain[:64]}:{hashlib.sha256(key.encode()).hexdigest()}"
