"""What a statement consists of once it has been read."""

from collections.abc import Iterator, Sequence
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


def word_at(tokens: Sequence[Token], index: int) -> str:
    """The word at this place in lower case; "" where there is none."""
    return tokens[index].value if 0 <= index < len(tokens) and tokens[index].kind == "word" else ""


def text_at(tokens: Sequence[Token], index: int) -> str:
    """What stands at this place; "" outside of the statement."""
    return tokens[index].text if 0 <= index < len(tokens) else ""


def kind_at(tokens: Sequence[Token], index: int) -> str:
    """The kind of what stands at this place; "" outside of the statement."""
    return tokens[index].kind if 0 <= index < len(tokens) else ""


def to_the_end(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """The places from here to the end of the bracket that stands around them, without the bracket itself."""
    for index in range(start, len(tokens)):
        if tokens[index].depth < tokens[start].depth:
            return
        yield index


def closing(tokens: Sequence[Token], opening: int) -> int:
    """The place of the bracket that closes the one at this place."""
    depth = tokens[opening].depth
    return next(index for index in range(opening + 1, len(tokens)) if tokens[index].depth == depth)
