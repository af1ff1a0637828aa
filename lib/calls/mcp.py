"""`call: mcp`: one request to a Model Context Protocol server over streamable HTTP, in a session of its own.

What a document meets as faults: runtime 500 for an error that the server answers with, as the DSL says;
everything on the way there is what `call: http` says.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from lib import VERSION
from lib.calls import arguments as http_arguments
from lib.calls import authentication, content, redaction
from lib.calls.arguments import Request
from lib.calls.authentication import Scheme, authenticated
from lib.calls.context import CallContext
from lib.calls.transport import MAX_RESPONSE_BYTES, Reply
from lib.dsl import durations, faults

PROTOCOL_VERSION = "2025-06-18"

_KNOWN = frozenset({"protocolVersion", "method", "parameters", "timeout", "transport", "client"})


async def call(arguments: Any, context: CallContext) -> Any:
    """Open a session, make the request and return its result; raises a Fault."""
    if not isinstance(arguments, Mapping) or not arguments.keys() <= _KNOWN:
        raise faults.validation("call: mcp takes " + ", ".join(sorted(_KNOWN)) + ".")
    method, parameters = arguments.get("method"), arguments.get("parameters")
    if not isinstance(method, str) or not isinstance(parameters or {}, Mapping):
        raise faults.validation("method must be text, parameters an object.")
    seconds = _seconds(arguments.get("timeout"), context.timeout_seconds)
    session = _session(arguments.get("transport"), context)
    try:
        async with asyncio.timeout(seconds):
            await _initialize(session, arguments)
            result = await session.ask(method, parameters)
            await session.end()
            return result
    except TimeoutError:
        raise faults.timeout(f"The MCP server took longer than {seconds:g} s.") from None


@dataclass
class Session:
    """A conversation with one server; `headers` are what it wants to see again, `hidden` what no message repeats."""

    request: Request
    scheme: Scheme | None
    context: CallContext
    hidden: set[str]
    headers: dict[str, str] = field(default_factory=dict)
    number: int = 0

    async def ask(self, method: str, parameters: Mapping[str, Any] | None) -> Any:
        """The result of one request; raises a Fault."""
        self.number += 1
        message = {"jsonrpc": "2.0", "id": self.number, "method": method}
        async with self._send("POST", message | ({"params": parameters} if parameters else {})) as reply:
            if session := reply.headers.get("mcp-session-id"):
                self.headers["mcp-session-id"] = session
            answer = await self._answer(reply)
        error = answer.get("error")
        if error is not None:
            said = f"{error.get('code')} {error.get('message')}" if isinstance(error, Mapping) else "an error"
            text = redaction.excerpt(said.encode(errors="replace"), self.hidden)
            raise faults.runtime(f"The MCP server answers {method} with an error: {text}")
        return answer.get("result")

    async def tell(self, method: str) -> None:
        """Send a notification, which has no answer."""
        async with self._send("POST", {"jsonrpc": "2.0", "method": method}) as reply:
            await reply.glimpse()

    async def end(self) -> None:
        """Tell the server that the session is over; it may have none, or not let clients end it."""
        if "mcp-session-id" in self.headers:
            try:
                async with self._send("DELETE", None) as reply:
                    await reply.glimpse()
            except faults.Fault:
                return

    @asynccontextmanager
    async def _send(self, method: str, message: Any) -> AsyncIterator[Reply]:
        body = b"" if message is None else json.dumps(message).encode()
        headers = {**self.request.headers, **self.headers}
        # each request of the session is another one, and the same when the call is repeated
        headers["idempotency-key"] += f":{self.number}"
        async with authenticated(replace(self.request, method=method, headers=headers, body=body), self.scheme) as (
            sent,
            reply,
        ):
            self.hidden |= redaction.sensitive_values(sent.headers, sent.target)
            if self.scheme and (said := authentication.said(sent)):
                self.context.authorizations.append(said)
            if not 200 <= reply.status < 300:
                text = redaction.excerpt(await reply.glimpse(), self.hidden)
                host = self.request.target.host
                raise faults.communication(
                    f"The MCP server '{host}' answered with {reply.status}: {text}", reply.status
                )
            yield reply

    async def _answer(self, reply: Reply) -> Mapping[str, Any]:
        """The message with this request's number, alone or in a stream of others."""
        media = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "text/event-stream":
            found = content.read(await reply.read(), "application/json")
            if isinstance(found, Mapping):
                return found
        else:
            async for data in _events(reply):
                found = content.read(data, "application/json")
                if isinstance(found, Mapping) and found.get("id") == self.number and "method" not in found:
                    return found
        raise faults.communication("The MCP server's answer holds no result.", 502)


async def _events(reply: Reply) -> AsyncIterator[bytes]:
    """The data of each event, as soon as it is whole: a server may leave the stream open behind its answer."""
    if reply.headers.get("content-encoding", "identity") != "identity":
        raise faults.communication("The answer came in a content coding that was not asked for.", 502)
    lines: list[bytes] = []
    rest, size = b"", 0
    async for chunk in reply.response.aiter_raw():
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            raise faults.communication(f"The answer is larger than {MAX_RESPONSE_BYTES} bytes.", 502)
        *whole, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in whole:
            if line.startswith(b"data:"):
                lines.append(line[5:].removeprefix(b" "))
            elif not line and lines:
                yield b"\n".join(lines)
                lines = []


async def _initialize(session: Session, arguments: Mapping[str, Any]) -> None:
    version = arguments.get("protocolVersion") or PROTOCOL_VERSION
    client = arguments.get("client") or {"name": "ratchet", "version": VERSION}
    wanted = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
    found = await session.ask("initialize", wanted)
    agreed = found.get("protocolVersion") if isinstance(found, Mapping) else None
    session.headers["mcp-protocol-version"] = agreed if isinstance(agreed, str) and agreed.isascii() else str(version)
    await session.tell("notifications/initialized")


def _session(transport: Any, context: CallContext) -> Session:
    http = transport.get("http") if isinstance(transport, Mapping) else None
    if not isinstance(http, Mapping):
        raise faults.validation("transport must have http.")
    headers = {
        **(http.get("headers") or {}),
        "accept": "application/json, text/event-stream",
        "accept-encoding": "identity",
        "content-type": "application/json",
    }
    asked = http_arguments.read(
        {"method": "post", "endpoint": http.get("endpoint"), "headers": headers}, context.idempotency_key
    )
    scheme = authentication.read(asked.policy)
    hidden = {*context.secrets, *(scheme.hidden if scheme else ())}
    return Session(asked.request, scheme, context, hidden)


def _seconds(timeout: Any, longest: float) -> float:
    try:
        return longest if timeout is None else min(longest, durations.seconds(timeout))
    except ValueError as exc:
        raise faults.validation(f"The call's timeout is none: {exc}") from None
