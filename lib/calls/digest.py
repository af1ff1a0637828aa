"""Digest authentication (RFC 7616): MD5 and SHA-256, also for a session, the body protected if only that is offered."""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from lib.calls.arguments import Request

_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105  the grammar's word, no secret
_PART = re.compile(rf"""({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|({_TOKEN})""")
# The best first: a server may offer several.
_HASHES: Mapping[str, Callable[[bytes], str]] = {
    "sha-256": lambda data: hashlib.sha256(data).hexdigest(),
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),  # what older servers speak
}


@dataclass(frozen=True)
class Digest:
    """A user name and a password that never goes over the wire."""

    username: str
    password: str

    @property
    def hidden(self) -> tuple[str, ...]:
        """The password."""
        return (self.password,)

    async def authorize(self, request: Request) -> Request:
        """The request as it is: what to say is known once the server has asked."""
        return request

    async def again(self, request: Request, challenge: str, /) -> Request | None:
        """The request with the answer to the best challenge that can be answered."""
        answers = {_strength(asked): asked for asked in challenges(challenge, "digest")}
        answers.pop(None, None)
        if not answers:
            return None
        asked = answers[min(strength for strength in answers if strength is not None)]
        return request.with_header("authorization", self._answer(request, asked))

    def _answer(self, request: Request, asked: Mapping[str, str]) -> str:
        algorithm = asked.get("algorithm", "MD5")
        hashed, _ = _hash(algorithm)
        nonce, realm, cnonce, count = asked["nonce"], asked["realm"], secrets.token_hex(8), "00000001"
        offered = [word.strip().lower() for word in asked.get("qop", "").split(",") if word.strip()]
        qop = next((word for word in ("auth", "auth-int") if word in offered), None)
        uri = request.target.request_target
        who = hashed(f"{self.username}:{realm}:{self.password}")
        session = algorithm.lower().endswith("-sess")
        if session:
            who = hashed(f"{who}:{nonce}:{cnonce}")
        what = hashed(f"{request.method}:{uri}" + (f":{hashed(request.body)}" if qop == "auth-int" else ""))
        response = hashed(":".join([who, nonce, *([count, cnonce, qop] if qop else []), what]))
        members = {"realm": realm, "nonce": nonce, "uri": uri, "response": response}
        members |= {name: asked[name] for name in ("opaque",) if name in asked}
        quoted = [self._user(asked, hashed), *(f'{name}="{_escape(value)}"' for name, value in members.items())]
        plain = [f"algorithm={algorithm}"] if "algorithm" in asked else []
        plain += [f"qop={qop}", f"nc={count}"] if qop else []
        plain += [f'cnonce="{cnonce}"'] if qop or session else []
        return "Digest " + ", ".join(quoted + plain)

    def _user(self, asked: Mapping[str, str], hashed: Callable[[str | bytes], str]) -> str:
        """The user name: hashed if the server wants that, in the extended spelling if no header can hold it."""
        if asked.get("userhash", "").lower() == "true":
            return f'username="{hashed(f"{self.username}:{asked['realm']}")}", userhash=true'
        if self.username.isascii() and self.username.isprintable():
            return f'username="{_escape(self.username)}"'
        return f"username*=UTF-8''{quote(self.username, safe='')}"


def challenges(header: str, scheme: str) -> Iterator[dict[str, str]]:
    """The parameters of every challenge of this scheme in a WWW-Authenticate header; names are lower case."""
    found: dict[str, str] | None = None
    for match in _PART.finditer(header):
        name, quoted, plain, word = match.groups()
        if word is not None:
            if found:
                yield found
            found = {} if word.lower() == scheme else None
        elif found is not None:
            found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
    if found:
        yield found


def _strength(asked: Mapping[str, str]) -> int | None:
    """Where the challenge's algorithm stands, 0 the best; None: it cannot be answered."""
    complete = {"realm", "nonce"} <= asked.keys()
    return _hash(asked.get("algorithm", "MD5"))[1] if complete else None


def _hash(algorithm: str) -> tuple[Callable[[str | bytes], str], int | None]:
    name = algorithm.lower().removesuffix("-sess")
    if name not in _HASHES:
        return str, None
    digest, strength = _HASHES[name], list(_HASHES).index(name)
    return lambda text: digest(text if isinstance(text, bytes) else text.encode(errors="replace")), strength


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
