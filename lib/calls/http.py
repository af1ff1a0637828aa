"""`call: http`: one request, its redirects if wanted, and what the document wants of the answer.

What a document meets as faults:
    validation 400      an argument that cannot be sent, also a redirect to what is no http or https URL
    authorization 403   an address or port that a call may not go to, also behind a redirect
    timeout 408         not done, to the last byte, within the task's timeout
    communication       the answer's own status when it is an error; 503 no connection, 504 none in time,
                        502 an answer that breaks off, is too large or is not what it says
"""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from lib.calls import arguments as http_arguments
from lib.calls import authentication, content, redaction
from lib.calls.arguments import HttpCall, Request
from lib.calls.authentication import authenticated
from lib.calls.context import CallContext
from lib.calls.transport import Reply, settle
from lib.dsl import faults

MAX_REDIRECTS = 10

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


async def call(arguments: Any, context: CallContext) -> Any:
    """Make the request and return its output; raises a Fault.

    `arguments` is the task's `with`, evaluated: expressions, URI templates and named authentication are done.
    The Idempotency-Key is the context's unless the document sets one.
    """
    asked = http_arguments.read(arguments, context.idempotency_key)
    try:
        async with asyncio.timeout(context.timeout_seconds):
            return await settle(_perform(asked, context))
    except TimeoutError:
        host = asked.request.target.host
        raise faults.timeout(f"'{host}' took longer than {context.timeout_seconds:g} s.") from None


async def _perform(asked: HttpCall, context: CallContext) -> Any:
    request, scheme = asked.request, authentication.read(asked.policy)
    hidden = {*context.secrets, *(scheme.hidden if scheme else ())}
    for _hop in range(MAX_REDIRECTS + 1):
        async with authenticated(request, scheme) as (sent, reply):
            hidden |= redaction.sensitive_values(sent.headers, sent.target)
            if scheme and (said := authentication.said(sent)):
                context.authorizations.append(said)
            location = reply.headers.get("location")
            if not asked.redirect or reply.status not in _REDIRECTS or location is None:
                await _check_status(reply, asked, sent, hidden)
                return _output(asked, sent, reply.status, reply.headers, await reply.read())
            await reply.glimpse()  # a body read to its end leaves the connection to the next hop
        following = request.redirected(reply.status, location)
        # credentials are for the origin they were given for, and do not come back behind another one
        scheme = scheme if following.target.origin == request.target.origin else None
        request = following
    raise faults.communication(f"'{request.target.host}' redirects more than {MAX_REDIRECTS} times.", 502)


async def _check_status(reply: Reply, asked: HttpCall, request: Request, hidden: set[str]) -> None:
    """Raise the fault of any status but 2xx; with `redirect`, a 3xx that leads nowhere is an answer, too."""
    if 200 <= reply.status < (400 if asked.redirect else 300):
        return
    text = redaction.excerpt(await reply.glimpse(), hidden)
    answered = f"{request.method} to '{request.target.host}' was answered with {reply.status}"
    raise faults.communication(f"{answered}: {text}" if text else f"{answered}.", reply.status)


def _output(asked: HttpCall, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> Any:
    if asked.output == "raw":
        return base64.b64encode(body).decode()
    value = content.read(body, headers.get("content-type", ""))
    if asked.output == "content":
        return value
    shown = redaction.shown_headers(request.headers)
    return {
        "request": {"method": request.method, "uri": request.target.uri, "headers": shown},
        "statusCode": status,
        "headers": dict(headers),
        "content": value,
    }
