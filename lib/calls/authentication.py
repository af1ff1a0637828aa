"""How a request says who sends it: the scheme of an authentication policy, and exchanges that use it."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from lib.calls.arguments import Request
from lib.calls.context import Authorization
from lib.calls.transport import Reply, exchange
from lib.dsl import faults

UNAUTHORIZED = 401


class Scheme(Protocol):
    """One way to authenticate, ready to use; `hidden` are its values that no message may repeat."""

    @property
    def hidden(self) -> tuple[str, ...]: ...

    async def authorize(self, request: Request) -> Request:
        """The request with what can be said before it was refused; raises a Fault."""

    async def again(self, request: Request, challenge: str, /) -> Request | None:
        """What to send after this request was answered with 401; None: there is nothing better to say."""


@dataclass(frozen=True)
class Fixed:
    """Credentials that are the same for every request: basic and bearer."""

    header: str
    hidden: tuple[str, ...]

    async def authorize(self, request: Request) -> Request:
        """The request with the credentials."""
        return request.with_header("authorization", self.header)

    async def again(self, _request: Request, _challenge: str, /) -> Request | None:
        """Nothing: they were refused."""


def read(policy: Any) -> Scheme | None:
    """The scheme of a policy whose expressions are evaluated; raises a Fault. None: no policy, no scheme."""
    match policy:
        case None:
            return None
        case {"basic": {"username": str(username), "password": str(password)}} if ":" not in username:
            pair = base64.b64encode(f"{username}:{password}".encode(errors="replace")).decode()
            return Fixed(f"Basic {pair}", (password, pair))
        case {"bearer": {"token": str(token)}} if re.fullmatch(r"[\x21-\x7e]+", token):
            return Fixed(f"Bearer {token}", (token,))
        case {"digest": {"username": str(username), "password": str(password)}}:
            from lib.calls.digest import Digest

            return Digest(username, password)
        case {"basic": _} | {"digest": _} | {"bearer": _}:
            raise faults.validation("basic and digest need username and password, bearer needs token.")
        case {"oauth2": details} | {"oidc": details}:
            from lib.calls.oauth2 import read as read_oauth2

            return read_oauth2(details, discover="oidc" in policy)
    raise faults.configuration("An authentication is one of basic, bearer, digest, oauth2 and oidc.")


def said(request: Request) -> Authorization | None:
    """With what a request authenticates, as documents see it."""
    scheme, _, parameter = request.headers.get("authorization", "").partition(" ")
    return {"scheme": scheme, "parameter": parameter} if scheme else None


@asynccontextmanager
async def authenticated(request: Request, scheme: Scheme | None) -> AsyncIterator[tuple[Request, Reply]]:
    """What was sent in the end, and its answer; after a 401 the scheme may send the request once more."""
    sent = await scheme.authorize(request) if scheme else request
    async with exchange(sent) as reply:
        refused = scheme is not None and reply.status == UNAUTHORIZED
        again = await scheme.again(sent, reply.headers.get("www-authenticate", "")) if scheme and refused else None
        if again is None:
            yield sent, reply
            return
        await reply.glimpse()  # a body read to its end leaves the connection to the next request
    async with exchange(again) as reply:
        yield again, reply
