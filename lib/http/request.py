"""One HTTP request as the handlers see it: path values, query, headers and a bounded body."""

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from lib import json_text
from lib.errors import BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType
from lib.http.caller import ANYONE, Caller

type Message = Mapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]

# The platform's own limit is 4.5 MB; ours is lower, so that the refusal is ours and names the number.
MAX_BODY_BYTES = 4 * 1024 * 1024
# A client that is still sending reads no answer: what is too large is read to its end, up to here.
_DRAIN_BYTES = 8 * MAX_BODY_BYTES
_MAX_QUERY_FIELDS = 100
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[\w.:/=+-]{1,200}", re.ASCII)


class Request:
    """A request; `values` holds the path's variables, `caller` who asks once access was checked.

    `answer_headers` are added to whatever answers this request, an error too; `noted` to its log line.
    """

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        self.method: str = scope["method"]
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        self.path: str = raw_path.decode("latin-1").partition("?")[0]
        self.headers: dict[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.id = self._read_id()
        self.client: str = (scope.get("client") or ("unknown", 0))[0]
        self.values: dict[str, str] = {}
        self.caller: Caller = ANYONE
        self.answer_headers: dict[str, str] = {}
        self.noted: dict[str, Any] = {}
        self._query_string: bytes = scope.get("query_string", b"")
        self._receive = receive

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, the first of each name; raises BadRequest for what is not UTF-8."""
        try:
            pairs = parse_qsl(
                self._query_string.decode("latin-1"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MAX_QUERY_FIELDS,
            )
        except ValueError:
            raise BadRequest("The query cannot be read: at most 100 parameters, in UTF-8.") from None
        if any("\0" in value for _, value in pairs):
            raise BadRequest("The query holds a NUL character.")
        return dict(reversed(pairs))

    @property
    def run_id(self) -> uuid.UUID:
        """The run that the path names; raises NotFound for what is no UUID: no run has such an id."""
        if not _UUID.fullmatch(self.values["id"]):
            raise NotFound("There is no run with this id.")
        self.noted["run_id"] = self.values["id"]
        return uuid.UUID(self.values["id"])

    def media_type(self, *allowed: str) -> str:
        """The body's media type, one of `allowed`; raises UnsupportedMediaType naming them."""
        given, _, parameters = self.headers.get("content-type", "").partition(";")
        given = given.strip().lower()
        charset = re.search(r"charset=\"?([\w-]+)", parameters, re.IGNORECASE)
        encoding = self.headers.get("content-encoding", "identity")
        readable = (charset is None or charset[1].lower() in ("utf-8", "utf8")) and encoding == "identity"
        if given in allowed and readable:
            return given
        raise UnsupportedMediaType(f"Send a Content-Type of {' or '.join(allowed)}, in UTF-8 and not compressed.")

    async def body(self) -> bytes:
        """The whole body; raises PayloadTooLarge past 4 MB."""
        chunks: list[bytes] = []
        size, more = 0, True
        while more and size <= _DRAIN_BYTES:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("The body ended too early.")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= MAX_BODY_BYTES:
                chunks.append(chunk)
            more = message.get("more_body", False)
        if size > MAX_BODY_BYTES:
            raise PayloadTooLarge(
                f"The body is larger than the limit of 4 MB ({MAX_BODY_BYTES} bytes).", limit=MAX_BODY_BYTES
            )
        return b"".join(chunks)

    async def json(self, *, empty: Any = ...) -> Any:
        """The JSON body; `empty` stands for no body at all where a route allows that."""
        data = await self.body()
        if not data and empty is not ...:
            return empty
        self.media_type("application/json")
        return json_text.parse(data)

    async def disconnected(self) -> None:
        """Return once the client has gone; the body must have been read, or not matter."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _read_id(self) -> str:
        """The platform's id of this request, else the client's, else a new one."""
        given = self.headers.get("x-vercel-id") or self.headers.get("x-request-id", "")
        return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
