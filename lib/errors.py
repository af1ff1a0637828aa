"""Every error a caller can meet: class = fact, docstring = its sentence, status, SQLSTATE.

RatchetError 500
├── BadRequest 400
│   ├── InvalidJSON
│   └── QueryFailed
├── Unauthorized 401
├── Forbidden 403
├── NotFound 404                 WF404
├── MethodNotAllowed 405
├── Conflict 409                 WF409
│   ├── IdempotencyInFlight      WF408
│   └── ConfirmationStale
├── PayloadTooLarge 413
├── UnsupportedMediaType 415
├── Unprocessable 422
│   ├── InvalidDocument
│   ├── IdempotencyMismatch      WF422
│   └── QueryRefused
├── TooManyRequests 429
│   └── TooManyReads
├── NotSetUp 501
├── ModelFailed 502
└── Unavailable 503
    ├── NotConfigured
    └── DatabaseDown
"""

from typing import Any


class RatchetError(Exception):
    """Something went wrong on our side."""

    status = 500
    sqlstate: str | None = None

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.extra = extra
        super().__init__(self.detail)

    def problem(self, instance: str) -> dict[str, Any]:
        """This error as RFC 9457 problem details; `instance` is the path that was asked for."""
        name = type(self).__name__
        return {
            "type": f"urn:ratchet:error:{name}",
            "title": (type(self).__doc__ or name).strip(),
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            **self.extra,
        }


class BadRequest(RatchetError):
    """The request cannot be read."""

    status = 400


class InvalidJSON(BadRequest):
    """The body is not valid JSON."""


class QueryFailed(BadRequest):
    """The database could not run the statement."""


class Unauthorized(RatchetError):
    """A valid API key is needed."""

    status = 401


class Forbidden(RatchetError):
    """This key may not do that."""

    status = 403


class NotFound(RatchetError):
    """There is no such thing here."""

    status = 404
    sqlstate = "WF404"


class MethodNotAllowed(RatchetError):
    """This path does not take that verb."""

    status = 405


class Conflict(RatchetError):
    """The current state does not allow that."""

    status = 409
    sqlstate = "WF409"


class IdempotencyInFlight(Conflict):
    """A request with this Idempotency-Key is still being worked on."""

    sqlstate = "WF408"


class ConfirmationStale(Conflict):
    """What was confirmed is not what would happen now."""


class PayloadTooLarge(RatchetError):
    """The body is larger than the limit."""

    status = 413


class UnsupportedMediaType(RatchetError):
    """This content type is not understood here."""

    status = 415


class Unprocessable(RatchetError):
    """The request was read, but what it says is not valid."""

    status = 422


class InvalidDocument(Unprocessable):
    """The workflow document is not valid."""


class IdempotencyMismatch(Unprocessable):
    """This Idempotency-Key was used with another request body."""

    sqlstate = "WF422"


class QueryRefused(Unprocessable):
    """The guard does not let this statement reach the database."""


class TooManyRequests(RatchetError):
    """Too many requests: slow down."""

    status = 429


class TooManyReads(TooManyRequests):
    """This caller's slow reads have all the connections that one caller may have."""


class NotSetUp(RatchetError):
    """This deployment has not been set up for that."""

    status = 501


class ModelFailed(RatchetError):
    """The language model did not answer, or not as it should."""

    status = 502


class Unavailable(RatchetError):
    """Not available right now: try again."""

    status = 503


class NotConfigured(Unavailable):
    """A setting is missing on this deployment."""


class DatabaseDown(Unavailable):
    """The database cannot be reached right now."""
