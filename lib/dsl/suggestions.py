"""What an author probably meant: the nearest of the words that are allowed."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean …?` when something allowed is near, else nothing."""
    folded = {other.casefold(): other for other in sorted(allowed)}
    near = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"; did you mean `{folded[near[0]]}`?" if near else ""


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """The nearest allowed word when one is near, else all of them."""
    words = sorted(set(allowed))
    return nearest(word, words) or (f"; allowed: {', '.join(words)}" if words else "")
