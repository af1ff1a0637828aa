"""Which handler answers a path: patterns match the original path, bare or under /api.

Ids come from the path alone: behind the platform's rewrites a client's own `?id=` can win over theirs.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from lib.errors import MethodNotAllowed, NotFound
from lib.http.request import Request
from lib.http.response import Response

type Handler = Callable[[Request], Awaitable[Response]]
type Access = Callable[[Request], None]


@dataclass(frozen=True)
class Route:
    """One verb on one path pattern (`/runs/{id}/events`), who may call it, and what answers."""

    method: str
    pattern: str
    handler: Handler
    access: Access


type Match = tuple[Route, dict[str, str]]


def match_path(routes: Sequence[Route], path: str) -> list[Match]:
    """The routes of this path with the path's values; raises NotFound when there are none."""
    segments = split_path(path)
    found = [(route, values) for route in routes if (values := _match(route.pattern, segments)) is not None]
    if not found:
        raise NotFound
    return found


def choose_route(matches: Sequence[Match], method: str) -> Match:
    """The one for this verb, HEAD going where GET goes; raises MethodNotAllowed."""
    verb = "GET" if method == "HEAD" else method
    for route, values in matches:
        if route.method == verb:
            return route, values
    allow = list_verbs(matches)
    raise MethodNotAllowed(f"{method} is not possible here, these verbs are: {', '.join(allow)}.", allow=allow)


def list_verbs(matches: Sequence[Match]) -> list[str]:
    """The verbs these routes answer, with the HEAD and OPTIONS that come with them."""
    verbs = {route.method for route, _ in matches} | {"OPTIONS"}
    return sorted(verbs | {"HEAD"} if "GET" in verbs else verbs)


def split_path(path: str) -> list[str]:
    """The decoded segments of a raw path without its /api; `%2F` stays inside its segment."""
    segments = path.split("/")[1:]
    if segments[:1] == ["api"]:
        del segments[0]
    try:
        decoded = [unquote_to_bytes(segment).decode() for segment in segments]
    except UnicodeDecodeError:
        raise NotFound from None
    if any("\0" in segment for segment in decoded):
        raise NotFound
    return decoded


def _match(pattern: str, segments: Sequence[str]) -> dict[str, str] | None:
    parts = pattern.split("/")[1:]
    if len(parts) != len(segments):
        return None
    values = {}
    for part, segment in zip(parts, segments, strict=True):
        if part.startswith("{") and segment:
            values[part[1:-1]] = segment
        elif part != segment:
            return None
    return values
