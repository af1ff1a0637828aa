"""Access tokens, kept until shortly before they expire and fetched by one caller at a time.

Rule: what a token is kept under covers everything it was asked for with, secrets too, so that nobody is given a
token whose secrets he could not name.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

MOST_TOKENS = 500
# A token must not expire on its way.
MARGIN_SECONDS = 10.0
# For how long a token counts whose issuer does not say; one that is refused before is fetched anew.
UNTOLD_SECONDS = 60.0


@dataclass(frozen=True)
class Token:
    """What to put behind `Bearer`, and for how many seconds; None: the issuer does not say."""

    text: str
    lifetime: float | None


class Tokens:
    """The tokens of one process; `clock` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._kept: dict[str, tuple[float, str]] = {}
        self._locks: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()

    async def get(self, key: str, fetch: Callable[[], Awaitable[Token]]) -> str:
        """The token under this key, fetched if there is none that still counts."""
        place = key, id(asyncio.get_running_loop())
        lock = self._locks.setdefault(place, asyncio.Lock())
        async with lock:
            expires_at, text = self._kept.get(key, (0.0, ""))
            if not text or expires_at <= self.clock():
                token = await fetch()
                text = token.text
                self._keep(key, token)
            return text

    def forget(self, key: str, text: str) -> None:
        """This token was refused; a newer one under the same key stays."""
        if self._kept.get(key, (0.0, ""))[1] == text:
            del self._kept[key]

    def _keep(self, key: str, token: Token) -> None:
        lifetime = UNTOLD_SECONDS if token.lifetime is None else token.lifetime - MARGIN_SECONDS
        self._kept.pop(key, None)
        if len(self._kept) >= MOST_TOKENS:
            del self._kept[next(iter(self._kept))]
        if lifetime > 0:
            self._kept[key] = self.clock() + lifetime, token.text


tokens = Tokens()
