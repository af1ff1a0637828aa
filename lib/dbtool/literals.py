"""Strings and numbers in every spelling that PostgreSQL knows, said again in the plainest one."""

import re

from lib.dbtool.refusals import refused

_SINGLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = re.compile(
    r"\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]{1,2})|u(?P<short>[0-9A-Fa-f]{4})|U(?P<long>[0-9A-Fa-f]{8})"
    r"|(?P<single>.))|''",
    re.DOTALL,
)
_NO_PLAIN_SPELLING = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_HEX_DIGITS = 64  # turning digits into another base takes quadratic time
_BASES = {"x": 16, "o": 8, "b": 2}


def plain(value: str) -> str:
    """`value` as a standard string: standard_conforming_strings is on, so only the quote is special."""
    return "'" + value.replace("'", "''") + "'"


def decode_escapes(body: str, position: int) -> str:
    r"""The text that the inside of E'…' stands for; `position` is the place of its first character.

    Refuses what a plain string cannot say in every encoding and version: bytes above \x7f, control characters.
    """

    def decoded(match: re.Match[str]) -> str:
        if match[0] == "''":
            return "'"
        kind = str(match.lastgroup)
        digits = match[kind]
        if kind == "single":
            if digits in "uUv":
                raise refused("string_escape", position + match.start())
            return _SINGLE.get(digits, digits)
        code = int(digits, 8 if kind == "octal" else 16)
        if code > (0x7F if kind in ("octal", "hex") else 0x10FFFF):
            raise refused("string_escape", position + match.start())
        return chr(code)

    text = _joined_surrogates(_ESCAPE.sub(decoded, body))
    if text is None or _NO_PLAIN_SPELLING.search(text):
        raise refused("string_escape", position)
    return text


def plain_number(text: str, position: int) -> str:
    """A number without underscores and in base ten, or as it stands: sqlglot reads 1_000 as `1 AS _000`."""
    text = text.replace("_", "")
    base = _BASES.get(text[1:2].lower())
    if base is None:
        return text
    if len(text) > _HEX_DIGITS:
        raise refused("number", position)
    return str(int(text[2:], base))


def _joined_surrogates(text: str) -> str | None:
    r"""The text with each pair such as \uD83D\uDE00 as the one character it means; None if one stands alone."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return None
