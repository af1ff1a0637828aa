"""Reads a statement as PostgreSQL's own lexer does and says it again so that no second reader can misread it.

The canonical text has no comments, single blanks, plain strings and decimal numbers. It is what every later layer
judges and what is executed, so whatever has two readings is either spelled out here or refused. It follows the rules
of PostgreSQL 15 to 18 with standard_conforming_strings on.
"""

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import category

from lib.dbtool.gate import MAX_BYTES, admit
from lib.dbtool.limits import MAX_TOKENS, check_limits
from lib.dbtool.literals import decode_escapes, plain, plain_number
from lib.dbtool.operators import OPERATORS, first_operator
from lib.dbtool.refusals import refused
from lib.dbtool.tokens import Kind, Lexed, Token
from lib.errors import QueryRefused

__all__ = ["Kind", "Lexed", "Token", "lex"]

NAME_BYTES = 63  # PostgreSQL cuts a longer name: cut here, it means the same to whoever reads it
MAX_PARAMETER = 1_000

_TOKEN = re.compile(
    r"""
    [ \t\r\n\f]*+
  (?:
    (?P<line>--[^\r\n]*+)
  | (?P<block>/\*)
  | (?P<unicode>[uU]&['"])
  | (?P<escaped>[eE]')
  | (?P<bits>[bBxX]')
  | (?P<national>[nN](?='))
  | (?P<word>[A-Za-z_][A-Za-z_0-9]*+(?![^\x00-\x7f]))
  | (?P<foreign>[A-Za-z_\x80-\U0010ffff][A-Za-z_0-9\x80-\U0010ffff]*+)
  | (?P<parameter>\$[0-9]++)
  | (?P<dollar>\$(?:[A-Za-z_][A-Za-z_0-9]*+)?\$)
  | (?P<number>0[xX](?:_?[0-9A-Fa-f])++ | 0[oO](?:_?[0-7])++ | 0[bB](?:_?[01])++
      | (?:[0-9](?:_?[0-9])*+(?:\.(?:[0-9](?:_?[0-9])*+)?)? | \.[0-9](?:_?[0-9])*+)(?:[eE][+-]?[0-9](?:_?[0-9])*+)?)
  | (?P<string>')
  | (?P<quoted>")
  | (?P<operator>:= | \.\. | [~!@\#^&|`?+\-*/%<>=]{1,64}+)
  | (?P<punctuation>:: | [][(),.;:])
  )
    """,
    re.VERBOSE,
)
_BLANKS = " \t\r\n\f"
_STRING = re.compile(r"[^']*+(?:''[^']*+)*+'")
_ESCAPED = re.compile(r"(?:[^'\\]|''|\\.)*+'", re.DOTALL)
_QUOTED = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
_BITS = re.compile(r"[01]*+'")
_HEX = re.compile(r"[0-9A-Fa-f]*+'")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_CONTINUED = re.compile(r"[ \t\f]*[\r\n][ \t\r\n\f]*'")
_RUN_ON = re.compile(r"[.A-Za-z_0-9$\x80-\U0010ffff]")
# White space and format characters of Unicode 15, and the C1 controls: they look like a blank or like nothing.
_INVISIBLE = re.compile(
    "[\x80-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u3000\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)
_CLOSES = {")": "(", "]": "["}


class _Piece(NamedTuple):
    kind: Kind
    text: str
    value: str
    position: int
    apart: bool  # whether a blank or a comment stands before it


def lex(sql: object) -> Lexed:
    """The one statement in `sql`; raises QueryRefused for what is none, is ambiguous, or is too large to judge."""
    text = admit(sql)
    pieces = _without_semicolons(list(_Scanner(text).pieces()))
    if not pieces:
        raise refused("empty", 1)
    lexed = _assemble(pieces)
    if len(lexed.text.encode()) > MAX_BYTES:
        raise refused("too_long", pieces[-1].position)
    check_limits(lexed.tokens)
    return lexed


class _Scanner:
    """Goes through the text once; `_place` is where the next token starts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def pieces(self) -> Iterator[_Piece]:
        """Every token in its canonical spelling."""
        text, apart, left = self._text, False, MAX_TOKENS
        end = len(text.rstrip(_BLANKS))
        while self._place < end:
            match = _TOKEN.match(text, self._place)
            if match is None:
                raise self._stray(end - len(text[self._place : end].lstrip(_BLANKS)))
            kind = str(match.lastgroup)
            start = match.start(kind)
            apart = apart or start > self._place
            self._place = match.end()
            if kind in ("line", "block"):
                self._skip(kind, start)
                apart = True
                continue
            left -= 1
            if left < 0:
                raise refused("too_many_tokens", start + 1)
            yield self._piece(kind, match[kind], start + 1, apart)
            apart = False

    def _piece(self, kind: str, text: str, position: int, apart: bool) -> _Piece:
        match kind:
            case "word":
                name = self._name(text, position)
                return _Piece("word", name, name.lower(), position, apart)
            case "punctuation":
                return _Piece("punctuation", text, text, position, apart)
            case "operator":
                operator = self._operator(text, position)
                return _Piece("operator", operator, operator, position, apart)
            case "number":
                number = plain_number(self._whole(text, position, "number"), position)
                return _Piece("number", number, number, position, apart)
            case "foreign":
                name = self._foreign(text, position)
                return _Piece("quoted", f'"{name}"', name, position, apart)
            case "quoted":
                name = _cut(self._rest(_QUOTED, position)[:-1].replace('""', '"'))
                if not name:
                    raise refused("name_length", position)
                return _Piece("quoted", '"' + name.replace('"', '""') + '"', name, position, apart)
            case "parameter":
                parameter = self._parameter(text, position)
                return _Piece("parameter", parameter, parameter, position, apart)
            case "bits":
                bits = self._rest(_BITS if text in "b'B'" else _HEX, position, "string_escape")
                return _Piece("string", text.upper() + bits, bits[:-1], position, apart)
            case "national":  # PostgreSQL reads N'…' as the type nchar and a string
                return _Piece("word", "nchar", "nchar", position, apart)
            case "unicode":
                raise refused("unicode_escape", position)
        value = self._string(kind, text, position)
        return _Piece("string", plain(value), value, position, apart)

    def _string(self, kind: str, opening: str, position: int) -> str:
        """The text of a string whose opening has just been passed."""
        if kind == "escaped":
            return decode_escapes(self._rest(_ESCAPED, position)[:-1], position + 2)
        if kind == "dollar":
            begin, end = self._place, self._text.find(opening, self._place)
            if end < 0:
                raise refused("unclosed", position)
            self._place = end + len(opening)
            return self._text[begin:end]
        value = self._rest(_STRING, position)[:-1]
        while continued := _CONTINUED.match(self._text, self._place):
            self._place = continued.end()
            value += self._rest(_STRING, continued.end())[:-1]
        return value.replace("''", "'")

    def _rest(self, pattern: re.Pattern[str], position: int, code: str = "unclosed") -> str:
        """What follows up to and with the closing quote."""
        match = pattern.match(self._text, self._place)
        if match is None:
            raise refused(code, position)
        self._place = match.end()
        return match[0]

    def _name(self, text: str, position: int) -> str:
        if self._text[self._place : self._place + 1] == "$":
            raise refused("dollar_in_name", position)
        return _cut(text)

    def _foreign(self, text: str, position: int) -> str:
        """A name with letters outside ASCII, which is never a word of PostgreSQL's own: quoted from here on."""
        for place, character in enumerate(text, position - 1):
            if character > "\x7f" and not (character.isalnum() or category(character).startswith("M")):
                raise self._stray(place)
        return self._name("".join(each.lower() if each < "\x80" else each for each in text), position)

    def _whole(self, text: str, position: int, code: str) -> str:
        if _RUN_ON.match(self._text, self._place):
            raise refused(code, position)
        return text

    def _parameter(self, text: str, position: int) -> str:
        digits = self._whole(text, position, "parameter")[1:].lstrip("0")
        if len(digits) > 4 or not 1 <= int(digits or "0") <= MAX_PARAMETER:
            raise refused("parameter", position)
        return f"${digits}"

    def _operator(self, run: str, position: int) -> str:
        if run == ":=":
            return "=>"  # the older spelling of the mark behind an argument's name
        operator = first_operator(run)
        if operator not in OPERATORS:
            raise refused("operator", position, f"The operator {operator} is not one of PostgreSQL's own.")
        self._place = position - 1 + len(operator)
        return operator

    def _skip(self, kind: str, start: int) -> None:
        """Goes behind the comment that begins at `start`; one in /* */ may hold others."""
        depth = 1 if kind == "block" else 0
        while depth:
            edge = _COMMENT_EDGE.search(self._text, self._place)
            if edge is None:
                raise refused("unclosed", start + 1)
            self._place = edge.end()
            depth += 1 if edge[0] == "/*" else -1
        if hidden := _INVISIBLE.search(self._text, start, self._place):
            raise self._stray(hidden.start())

    def _stray(self, place: int) -> QueryRefused:
        return refused("unicode_blank" if _INVISIBLE.match(self._text[place]) else "unexpected_character", place + 1)


def _cut(name: str) -> str:
    """The name as PostgreSQL keeps it."""
    return name.encode()[:NAME_BYTES].decode(errors="ignore")


def _without_semicolons(pieces: list[_Piece]) -> list[_Piece]:
    """The pieces of the one statement: semicolons may only end it."""
    while pieces and pieces[-1].text == ";":
        pieces.pop()
    for piece in pieces:
        if piece.text == ";":
            raise refused("more_than_one_statement", piece.position)
    return pieces


def _assemble(pieces: list[_Piece]) -> Lexed:
    """The canonical text: a blank where there was a gap, and between any two tokens that are no punctuation."""
    tokens: list[Token] = []
    words: list[str] = []
    open_brackets: list[_Piece] = []
    offset, previous = 0, "punctuation"
    for piece in pieces:
        if tokens and (piece.apart or (previous != "punctuation" and piece.kind != "punctuation")):
            words.append(" ")
            offset += 1
        if piece.text in _CLOSES and (not open_brackets or open_brackets.pop().text != _CLOSES[piece.text]):
            raise refused("brackets", piece.position)
        tokens.append(Token(piece.kind, piece.text, piece.value, piece.position, offset, len(open_brackets)))
        if piece.text in ("(", "["):
            open_brackets.append(piece)
        words.append(piece.text)
        offset += len(piece.text)
        previous = piece.kind
    if open_brackets:
        raise refused("brackets", open_brackets[-1].position)
    for before, after in itertools.pairwise(tokens):
        if before.kind == after.kind == "string":
            raise refused("adjacent_strings", after.position)
    return Lexed("".join(words), tuple(tokens))
