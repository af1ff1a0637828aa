"""What an author probably meant: the nearest of the words that are allowed."""

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 20  # of a thousand task names nobody reads more
_LONGEST = 40  # comparing costs the product of the lengths


def nearest(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean …?` when something allowed is near, else nothing."""
    if len(word) > _LONGEST:
        return ""
    folded = {other.casefold(): other for other in sorted(allowed) if len(other) <= _LONGEST}
    near = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"; did you mean `{folded[near[0]]}`?" if near else ""


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """The nearest allowed word when one is near, else all of them."""
    words = sorted(set(allowed))
    shown = words if len(words) <= _SHOWN else [*words[:_SHOWN], "…"]
    return nearest(word, words) or (f"; allowed: {', '.join(shown)}" if words else "")
