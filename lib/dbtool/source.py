"""The canonical text that the parsers read, and the way back from a place in it to a place in the text as sent."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from lib.dbtool.refusals import refused
from lib.dbtool.tokens import Token
from lib.errors import QueryRefused


@dataclass(frozen=True, slots=True)
class Source:
    """A canonical text with its tokens."""

    text: str
    tokens: Sequence[Token]

    def token_at(self, offset: int) -> Token:
        """The token at, or next before, byte `offset` of the canonical text."""
        place = offset if self.text.isascii() else len(self.text.encode()[:offset].decode(errors="ignore"))
        index = bisect_right(self.tokens, place, key=lambda token: token.start) - 1
        return self.tokens[max(index, 0)]

    def refused(self, code: str, offset: int, detail: str | None = None) -> QueryRefused:
        """The refusal `code` for what stands at byte `offset` of the canonical text."""
        return refused(code, self.token_at(max(offset, 0)).position, detail)
