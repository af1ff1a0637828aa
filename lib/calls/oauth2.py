"""OAuth 2 and OpenID Connect: a token is asked for with what the policy says, and sent as Bearer.

Rule: every request for a token goes through the address guard, and nothing that a policy holds is in a message.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from lib.calls import content, redaction, targets
from lib.calls.arguments import Request
from lib.calls.targets import Target
from lib.calls.tokens import Token, tokens
from lib.calls.transport import exchange
from lib.dsl import faults

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  a name, no secret
GRANTS = ("client_credentials", "password", TOKEN_EXCHANGE)
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DISCOVERY = "/.well-known/openid-configuration"
_FORM = "application/x-www-form-urlencoded"
_REFUSED = (400, 401, 403)


@dataclass(frozen=True)
class OAuth2:
    """A policy that was read; `discover`: its endpoints are where the authority's own document says."""

    details: Mapping[str, Any]
    discover: bool

    @property
    def hidden(self) -> tuple[str, ...]:
        """Everything secret in the policy."""
        client = _object(self.details, "client")
        owners = client, self.details, _object(self.details, "subject"), _object(self.details, "actor")
        return tuple(
            value
            for owner in owners
            for name in ("secret", "assertion", "password", "token")
            if isinstance(value := owner.get(name), str)
        )

    @property
    def key(self) -> str:
        """What its tokens are kept under."""
        text = json.dumps([self.discover, self.details], sort_keys=True)
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()

    async def authorize(self, request: Request) -> Request:
        """The request with a token; raises a Fault if none can be had."""
        token = await tokens.get(self.key, self._fetch)
        return request.with_header("authorization", f"Bearer {token}")

    async def again(self, request: Request, _challenge: str, /) -> Request | None:
        """The request with a new token, for the one it had was refused."""
        tokens.forget(self.key, request.headers["authorization"].removeprefix("Bearer "))
        return await self.authorize(request)

    async def _fetch(self) -> Token:
        endpoint = await self._endpoint()
        form = {"grant_type": _text(self.details, "grant"), **self._asked()}
        headers = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "ratchet"}
        self._identify(form, headers, endpoint.uri)
        encoding = _object(self.details, "request").get("encoding", _FORM)
        body = json.dumps(form) if encoding == "application/json" else urlencode(form)
        headers["content-type"] = encoding
        return self._read(await self._ask(Request("POST", endpoint, headers, body.encode())))

    async def _endpoint(self) -> Target:
        authority = _text(self.details, "authority").rstrip("/")
        if not self.discover:
            path = _object(self.details, "endpoints").get("token", "/oauth2/token")
            return targets.read(f"{authority}/{str(path).lstrip('/')}")
        url = authority if authority.endswith(_DISCOVERY) else authority + _DISCOVERY
        headers = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "ratchet"}
        found = await self._ask(Request("GET", targets.read(url), headers, b""))
        if not isinstance(endpoint := found.get("token_endpoint"), str):
            raise faults.authentication("The authority's OpenID configuration names no token endpoint.")
        return targets.read(endpoint)

    def _asked(self) -> dict[str, str]:
        """What the token is for, and on whose behalf."""
        scopes, audiences = (_texts(self.details, name) for name in ("scopes", "audiences"))
        if self.discover and "openid" not in scopes:
            scopes = ["openid", *scopes]
        asked = {"scope": " ".join(scopes), "audience": " ".join(audiences)}
        if self.details["grant"] == "password":
            asked |= {name: _text(self.details, name) for name in ("username", "password")}
        for name in ("subject", "actor"):
            if token := _object(self.details, name):
                asked |= {f"{name}_token": _text(token, "token"), f"{name}_token_type": _text(token, "type")}
        return {name: value for name, value in asked.items() if value}

    def _identify(self, form: dict[str, str], headers: dict[str, str], endpoint: str) -> None:
        """Say which client asks, in the way that the policy names."""
        client = _object(self.details, "client")
        method = client.get("authentication", "client_secret_post")
        if "id" in client and method != "client_secret_basic":
            form["client_id"] = _text(client, "id")
        match method:
            case "client_secret_post":
                if "secret" in client:
                    form["client_secret"] = _text(client, "secret")
            case "client_secret_basic":
                pair = f"{quote_plus(_text(client, 'id'))}:{quote_plus(_text(client, 'secret'))}"
                headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            case "client_secret_jwt":
                assertion = _signed(_text(client, "id"), _text(client, "secret"), endpoint)
                form |= {"client_assertion_type": _ASSERTION, "client_assertion": assertion}
            case "private_key_jwt":
                form |= {"client_assertion_type": _ASSERTION, "client_assertion": _text(client, "assertion")}

    async def _ask(self, request: Request) -> dict[str, Any]:
        """The authority's answer, a JSON object; raises a Fault."""
        host = request.target.host
        async with exchange(request) as reply:
            if not 200 <= reply.status < 300:
                hidden = {*self.hidden, *redaction.sensitive_values(request.headers, request.target)}
                text = redaction.excerpt(await reply.glimpse(), hidden)
                answer = f"The authority '{host}' answered with {reply.status}: {text}"
                refused = reply.status in _REFUSED
                raise faults.authentication(answer) if refused else faults.communication(answer, reply.status)
            found = content.read(await reply.read(), "application/json")
        if not isinstance(found, dict):
            raise faults.communication(f"The authority '{host}' answered with no JSON object.", 502)
        return found

    def _read(self, found: dict[str, Any]) -> Token:
        token, kind, lifetime = (found.get(name) for name in ("access_token", "token_type", "expires_in"))
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise faults.authentication("The authority's answer holds no access token.")
        if not isinstance(kind or "Bearer", str) or str(kind or "Bearer").lower() not in ("bearer", "n_a"):
            raise faults.authentication("The authority gave a token of another type than Bearer.")
        issuers = _texts(self.details, "issuers")
        if issuers and _issuer(token) not in issuers:
            raise faults.authentication("The token was issued by none of the policy's issuers.")
        return Token(token, _seconds(lifetime))


def read(details: Any, *, discover: bool) -> OAuth2:
    """The policy, with all that its grant needs; raises a Fault that names what is missing."""
    if not isinstance(details, Mapping):
        raise faults.validation("oauth2 and oidc need an object.")
    policy = OAuth2(details, discover)
    _text(details, "authority")
    if _text(details, "grant") not in GRANTS:
        raise faults.validation(f"grant must be one of {', '.join(GRANTS)}.")
    client = _object(details, "client")
    if "id" not in client and client.get("authentication") != "none":
        raise faults.validation("client.id is missing.")
    if details["grant"] == TOKEN_EXCHANGE and not details.get("subject"):
        raise faults.validation("subject is missing: the token that is exchanged.")
    return policy


def _text(owner: Mapping[str, Any], name: str) -> str:
    value = owner.get(name)
    if not isinstance(value, str) or not value:
        raise faults.validation(f"The authentication's {name} must be text.")
    return value


def _texts(owner: Mapping[str, Any], name: str) -> list[str]:
    values = owner.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise faults.validation(f"The authentication's {name} must be a list of texts.")
    return values


def _object(owner: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = owner.get(name) or {}
    if not isinstance(value, Mapping):
        raise faults.validation(f"The authentication's {name} must be an object.")
    return value


def _seconds(lifetime: Any) -> float | None:
    try:
        return None if lifetime is None else float(lifetime)
    except (TypeError, ValueError):
        return None


def _signed(client: str, secret: str, audience: str) -> str:
    """A client's assertion about itself (RFC 7523), signed with its secret (HS256)."""
    now = int(time.time())
    claims = {"iss": client, "sub": client, "aud": audience, "jti": secrets.token_hex(16), "iat": now, "exp": now + 60}
    head, body = (_packed(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = hmac.digest(secret.encode(), f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{_packed(signature)}"


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _issuer(token: str) -> Any:
    """Who issued a JWT, as it says itself; None for any other token."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims.get("iss")
    except (IndexError, ValueError, AttributeError):
        return None
