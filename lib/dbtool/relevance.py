"""Which tables a question is about: by the words of their names, columns and comments, and by what refers to what.

Small schemas go whole: choosing could only lose something.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

from lib.dbtool.catalog import Table

type Name = tuple[str, str]
type Samples = Mapping[Name, Mapping[str, Sequence[str]]]

WHOLE = 20
BEST = 8
# Of reciprocal ranks: large enough that the first place of one ranking does not outweigh two good ones.
RANK_OFFSET = 60
_NAME_WEIGHT, _COLUMN_WEIGHT, _TEXT_WEIGHT = 4.0, 2.0, 1.0
# From here on a word counts as misspelled, not as another: `custmer` and `customer` share 0.54 of their trigrams.
_ALIKE = 0.45
_SHORTEST_ALIKE = 4

_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_STOP = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "by", "did", "do", "does", "each", "every", "find", "for", "from",
        "get", "give", "has", "have", "how", "i", "in", "is", "it", "list", "many", "me", "most", "much", "my", "of",
        "on", "or", "our", "per", "show", "tell", "than", "that", "the", "their", "them", "there", "these", "they",
        "this", "those", "to", "us", "was", "we", "were", "what", "when", "where", "which", "who", "whose", "why",
        "will", "with", "you", "your",
    }
)  # fmt: skip


def words(text: str) -> list[str]:
    """The words of a question, a comment or a name, small and in the singular: `OrderItems`, `order_items` alike."""
    return [_singular(word) for word in _WORD.findall(_HUMP.sub(" ", text).lower()) if word not in _STOP]


def _singular(word: str) -> str:
    """An English plural's singular, roughly: what matters is that both forms come to the same."""
    if len(word) < 4 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word.removesuffix("s")


def rank(question: str, tables: Mapping[Name, Table], samples: Samples) -> list[Name]:
    """The tables that share a word with the question, the most fitting first; rare words count more."""
    weights = {name: _weigh(name, table, samples.get(name, {})) for name, table in tables.items()}
    spread = Counter(word for weighed in weights.values() for word in weighed)
    rarity = {word: math.log(1 + len(tables) / count) for word, count in spread.items()}
    meant = [_meant(word, rarity) for word in set(words(question))]
    scores = {
        name: sum(
            max((alike * weighed.get(word, 0.0) * rarity[word] for word, alike in found), default=0.0)
            for found in meant
        )
        for name, weighed in weights.items()
    }
    return sorted((name for name, score in scores.items() if score > 0), key=lambda name: (-scores[name], name))


def _weigh(name: Name, table: Table, samples: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """How much each word says about this table; the schema's name and a known value say as much as a comment."""
    values = [value for known in samples.values() for value in known]
    parts = [
        (_TEXT_WEIGHT, [name[0], table.comment, *(column.comment for column in table.columns), *values]),
        (_COLUMN_WEIGHT, [column.name for column in table.columns]),
        # the more words a name has, the less each of them says: an order is rather in `orders` than in `order_lines`
        (_NAME_WEIGHT / math.sqrt(len(words(name[1])) or 1), [name[1]]),
    ]
    weighed: dict[str, float] = {}
    for weight, texts in parts:
        weighed |= dict.fromkeys((word for text in texts for word in words(text)), weight)
    return weighed


def _meant(word: str, known: Mapping[str, float]) -> list[tuple[str, float]]:
    """The known words that this one can stand for, and how alike they are."""
    if word in known or len(word) < _SHORTEST_ALIKE:
        return [(word, 1.0)] if word in known else []
    return [(other, likeness) for other in known if (likeness := _likeness(word, other)) >= _ALIKE]


def _likeness(one: str, other: str) -> float:
    """The share of trigrams that two words have in common."""
    left, right = _trigrams(one), _trigrams(other)
    return len(left & right) / len(left | right)


@lru_cache(maxsize=20_000)
def _trigrams(word: str) -> frozenset[str]:
    padded = f"  {word} "
    return frozenset(padded[place : place + 3] for place in range(len(padded) - 2))


def fuse(*rankings: Sequence[Name]) -> list[Name]:
    """One ranking of several: the sum of reciprocal ranks decides."""
    scores: defaultdict[Name, float] = defaultdict(float)
    for ranking in rankings:
        for place, name in enumerate(ranking, 1):
            scores[name] += 1 / (RANK_OFFSET + place)
    return sorted(scores, key=lambda name: (-scores[name], name))


def choose(tables: Mapping[Name, Table], ranking: Sequence[Name]) -> list[Name]:
    """The tables to show, at most WHOLE of them: all, or the best and what they refer to or are referred to by.

    Between two of the best stands what links both; where nothing fits, the tables that most others refer to.
    """
    if len(tables) <= WHOLE:
        return sorted(tables)
    links = [(name, key.table) for name, table in tables.items() for key in table.foreign_keys if key.table in tables]
    best = [name for name in ranking if name in tables][:BEST]
    if not best:
        referred = Counter(other for _, other in links)
        best = sorted(tables, key=lambda name: (-referred[name], name))[:BEST]
    touched = Counter(near for one, other in links for near, far in ((one, other), (other, one)) if far in best)
    neighbours = sorted(touched.keys() - set(best), key=lambda name: (-touched[name], name))
    return [*best, *neighbours][:WHOLE]
