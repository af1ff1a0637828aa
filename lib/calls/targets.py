"""Where a request goes: an absolute http or https URL, read once, by one strict reader.

Rule: what is read here is what is resolved, connected to, named in TLS and sent as Host; nothing reads twice.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode, urljoin

from lib.calls import addresses
from lib.dsl import faults

MAX_URL_CHARACTERS = 8192

_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]|([^\[\]:@%]+))(?::([0-9]{1,5})?)?")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# Browsers read a backslash as a slash, other programs do not; controls have no place in a URL.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
# Servers resolve these, so a value put into a path could leave its place.
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """A place and what is asked of it; `host` is a lower-case ASCII name or an address in plain spelling."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What must be equal for credentials to go along."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def request_target(self) -> str:
        """What stands in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def uri(self) -> str:
        """The absolute URI without its query, which often holds keys."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def with_query(self, pairs: list[tuple[str, str]]) -> "Target":
        """This target with more query parameters behind those it has."""
        added = urlencode(pairs, quote_via=quote)
        query = "&".join(part for part in (self.query, added) if part)
        if len(query) > MAX_URL_CHARACTERS:
            raise faults.validation(f"A query may have {MAX_URL_CHARACTERS} characters.")
        return replace(self, query=query)

    def follow(self, location: str) -> "Target":
        """The target that a Location header, seen at this one, leads to; raises a Fault."""
        try:
            return read(urljoin(f"{self.uri}?{self.query}", location))
        except ValueError:
            raise faults.validation("A redirect's location is not a URL.") from None


def read(url: str) -> Target:
    """The target this URL names; raises a Fault: validation, authorization for a refused port or spelling."""
    if len(url) > MAX_URL_CHARACTERS:
        raise faults.validation(f"A URL may have {MAX_URL_CHARACTERS} characters, this one has {len(url)}.")
    match = _URL.fullmatch(url)
    if match is None or _FORBIDDEN.search(url):
        raise faults.validation("The URL is not an absolute http or https URL.")
    scheme, authority, path, query = match.groups()
    if _DOT_SEGMENT.search(path):
        raise faults.validation("A URL's path may not have '.' or '..' as a segment.")
    host, port = _authority(authority)
    try:
        return Target(
            scheme.lower(),
            host,
            _DEFAULT_PORTS[scheme.lower()] if port is None else port,
            quote(path or "/", safe="/:@!$&'()*+,;=~%"),
            quote(query or "", safe="/:@!$&'()*+,;=~%?[]"),
        )
    except UnicodeEncodeError:
        raise faults.validation("The URL is not valid text.") from None


def _authority(text: str) -> tuple[str, int | None]:
    if "@" in text:
        raise faults.validation("A URL may not hold a user name or password; an endpoint has authentication.")
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise faults.validation("The URL's host and port cannot be read.")
    v6, name, digits = match.groups()
    port = int(digits) if digits else None
    if port is not None:
        if port > 65535:
            raise faults.validation(f"There is no port {port}.")
        addresses.check_port(port)
    return (str(addresses.read_literal(v6)) if v6 else _name(name)), port


def _name(text: str) -> str:
    """The name as it is looked up: ASCII, lower case, without the root's dot."""
    if not text.isascii():
        raise faults.validation("An international host name must be written in its ASCII form, xn--….")
    name = text.lower().removesuffix(".")
    if _NAME.fullmatch(name) is None:
        raise faults.validation("The URL's host is not a valid name.")
    addresses.read_literal(name)  # refuses what only looks like a name
    return name
