"""Whether a constant pattern lets every text through: `like '%'`, `~ 'x*'`, `similar to '(_|%)%'`.

A regular expression is tried on a few texts. Only a short one is, with one count at most: longer ones could take
exponential time, and what matches everything is short.
"""

import re

_LONGEST = 24
_ANY_LIKE = re.compile(r"%+")
_PROBES = ("", "a", "Q", "0", "-", "\n", "\u00e9")
_LIKE = frozenset({"~~", "!~~", "~~*", "!~~*"})
_REGEX = frozenset({"~", "!~", "~*", "!~*"})
# What Python warns of, inside of [ ].
_DOUBTFUL = re.compile(r"\[[^\]]*(?:--|&&|~~|\|\||\[)")
_CLASS = re.compile(r"\[:[a-z]+:\]")


def is_pattern_operator(name: str) -> bool:
    """Whether the right side of this operator is a pattern."""
    return name in _LIKE or name in _REGEX


def matches_all(name: str, pattern: str, *, similar: bool) -> bool:
    """Whether the pattern of LIKE, of a regular expression or, if `similar`, of SIMILAR TO leaves no text out."""
    if name in _LIKE:
        return _ANY_LIKE.fullmatch(pattern) is not None
    plain = _CLASS.sub(r"\\w", pattern)
    if len(plain) > _LONGEST or plain.count("{") > 1 or re.search(r"\d\d", plain) or _DOUBTFUL.search(plain):
        return False
    if similar:
        plain = f"^(?:{plain.replace('%', '.*').replace('_', '.')})$"
    try:
        tried = re.compile(plain, re.DOTALL)
    except (re.error, OverflowError, RecursionError):
        return False
    return all(tried.search(probe) for probe in _PROBES)
