"""A sum of things that vary and a constant: so equals cancel out, however they are written."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from lib.dbtool.second import Node

_LARGEST = 10**100
_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})(e[+-]?\d{1,2})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Term:
    """`parts` times their factors, plus `constant`; or, with `word`, a text that is no number.

    `text` is how a number was written that stood in quotes: a column of texts is compared with that.
    """

    parts: Mapping[str, Fraction] = field(default_factory=dict)
    constant: Fraction = Fraction(0)
    word: str | None = None
    text: str | None = None

    def __str__(self) -> str:
        """The same spelling for the same value, whatever the order it was written in."""
        if self.word is not None:
            return repr(self.word)
        return json.dumps([sorted((name, str(factor)) for name, factor in self.parts.items()), str(self.constant)])


def difference(left: Term, right: Term) -> Term:
    """left - right; what is on both sides is gone."""
    parts = dict(left.parts)
    for name, factor in right.parts.items():
        parts[name] = parts.get(name, Fraction(0)) - factor
    return Term({name: factor for name, factor in parts.items() if factor}, left.constant - right.constant)


def is_number(term: Term) -> bool:
    """Whether to go on calculating: a product of products soon has thousands of digits."""
    return term.word is None and all(
        max(abs(share.numerator), share.denominator) < _LARGEST for share in (term.constant, *term.parts.values())
    )


def scaled(term: Term, factor: Fraction) -> Term:
    """So many times this sum."""
    if not factor:
        return Term()
    return Term({name: share * factor for name, share in term.parts.items()}, term.constant * factor)


def literal(node: Node) -> Term:
    """What a constant is worth."""
    if "isnull" in node:
        return Term({"null": Fraction(1)})
    for name in ("ival", "fval", "sval", "bsval", "boolval"):
        if name in node:
            text = str(node[name].get(name, 0 if name == "ival" else ""))
            if not _NUMBER.fullmatch(text):
                return Term(word=text)
            return Term(constant=Fraction(text), text=text if name == "sval" else None)
    return Term(word="")
