"""What a statement consists of once it has been read."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

type Kind = Literal["word", "quoted", "string", "number", "operator", "punctuation", "parameter"]


class Token(NamedTuple):
    """One word or mark of a statement. (A tuple: thousands are made within a few milliseconds.)

    `text` is its spelling in the canonical text, `start` its place there; `value` is the word in lower case, the
    quoted name or the string itself, else the text. `position` counts characters from 1 in the text as sent;
    `depth` is how many brackets stand open around it.
    """

    kind: Kind
    text: str
    value: str
    position: int
    start: int
    depth: int


@dataclass(frozen=True, slots=True)
class Lexed:
    """One statement: its canonical text and the tokens of that text."""

    text: str
    tokens: tuple[Token, ...]
