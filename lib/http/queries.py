"""Typed reading of query parameters; junk is a 400 that names the parameter and what it takes."""

from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from lib.errors import BadRequest
from lib.http.request import Request

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


def read_limit(request: Request, default: int = DEFAULT_LIMIT) -> int:
    """`?limit=`; raises BadRequest outside 1 to 100."""
    limit = read_whole(request, "limit", default)
    if not 1 <= limit <= MAX_LIMIT:
        raise BadRequest(f"limit must be a whole number from 1 to {MAX_LIMIT}.", limit=MAX_LIMIT)
    return limit


def read_whole(request: Request, name: str, default: int) -> int:
    """A whole number that is not negative."""
    return parse_whole(name, request.query.get(name, str(default)))


def parse_whole(name: str, text: str) -> int:
    """The number this text says; what it is called is for the sentence to the caller."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequest(f"{name} must be a whole number.")
    return int(text)


def read_choice(request: Request, name: str, allowed: Collection[str]) -> str | None:
    """One of a few words."""
    text = request.query.get(name)
    if text is None or text in allowed:
        return text
    raise BadRequest(f"{name} must be one of: {', '.join(allowed)}.")


def read_uuid(request: Request, name: str) -> UUID | None:
    """A UUID."""
    text = request.query.get(name)
    return parse_uuid(name, text) if text is not None else None


def parse_uuid(name: str, text: str) -> UUID:
    """The UUID this text is."""
    try:
        return UUID(text)
    except ValueError:
        raise BadRequest(f"{name} must be a UUID.") from None


def read_moment(request: Request, name: str) -> datetime | None:
    """A time of RFC 3339, which always has an offset."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        # A `+` that was not percent-encoded has become a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadRequest(f"{name} must be a time of RFC 3339 with its offset, as in 2026-11-23T12:00:00Z.")
