"""Who may call a route: API keys with scopes, the cron secret, and signed links to one run's stream."""

import hashlib
import hmac

from lib.config import settings
from lib.errors import Forbidden, NotConfigured, Unauthorized
from lib.http import rates, tokens
from lib.http.caller import ANYONE, Caller
from lib.http.request import Request
from lib.http.routes import Access


def needs(*scopes: str) -> Access:
    """Only callers whose key has one of these scopes, at their rate."""

    def check(request: Request) -> None:
        _admit(request, _find_key(_read_bearer(request)), *scopes)

    return check


def stream_reader(request: Request) -> None:
    """A key with runs:read, or the signed token of exactly this run's stream in `?token=`."""
    token = request.query.get("token")
    if token is None or not settings().api_keys:
        return needs("runs:read")(request)
    return _admit(request, tokens.find_signer(token, request.run_id, settings().api_keys), "runs:read")


def cron(request: Request) -> None:
    """The holder of CRON_SECRET; anyone where neither that nor a platform is set up."""
    secret = settings().cron_secret.strip()
    if secret and not _same(_read_bearer(request), secret):
        raise Unauthorized("Send Authorization: Bearer <CRON_SECRET>.")
    if not secret and settings().on_vercel:
        raise NotConfigured("Set CRON_SECRET on this deployment: without it nobody may start a sweep.")


def anyone(_: Request) -> None:
    """Everybody, once the deployment has its keys."""
    _require_keys()


def _admit(request: Request, caller: Caller | None, *scopes: str) -> None:
    rates.admit(request, caller.name if caller else "")
    if caller is None:
        raise Unauthorized
    if caller.scopes.isdisjoint(scopes):
        raise Forbidden(f"This key lacks the scope {' or '.join(scopes)}.", scope=scopes[0])
    request.caller = caller


def _find_key(given: str) -> Caller | None:
    _require_keys()
    keys = settings().api_keys
    if not keys:
        return ANYONE
    found = None
    for key, scopes in keys.items():  # all of them, always: the time taken tells nothing
        if _same(given, key):
            found = Caller(key, scopes)
    return found


def _require_keys() -> None:
    if settings().on_vercel and not settings().api_keys:
        raise NotConfigured("Set RATCHET_API_KEYS on this deployment: without keys it answers nobody.")


def _read_bearer(request: Request) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _same(given: str, expected: str) -> bool:
    """Compare in a time that depends on neither text nor its length."""
    digests = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, expected))
    return hmac.compare_digest(*digests)
