"""Statements that are nearly right: the seeds with comments, blanks, quotes and hostile fragments put into them."""

import random
import re
from collections.abc import Callable, Iterator

from tests.dbtool.seeds import BLANKS, BURIALS, COMMENTS, CONDITIONS, DRESSES, FRAGMENTS, GLUE

_PIECES = re.compile(r"\w+|\s+|'[^']*'|\"[^\"]*\"|.", re.DOTALL)


def _insert(rng: random.Random, pieces: list[str], choices: tuple[str, ...] | list[str]) -> None:
    pieces.insert(rng.randint(0, len(pieces)), rng.choice(choices))


def _respell(rng: random.Random, pieces: list[str]) -> None:
    """Another spelling of one string, or another quote around one word."""
    places = [place for place, piece in enumerate(pieces) if piece[0] in "'\"" or piece[0].isalpha()]
    if not places:
        return
    place = rng.choice(places)
    inside = pieces[place].strip("'\"")
    forms = (f"E'{inside}'", f"$${inside}$$", f"$a${inside}$a$", f"N'{inside}'", f'"{inside}"', f"'{inside}'\n''",
             f"U&'{inside}'", f"'{inside}", f"e'\\x{inside}'", f"'{inside}' ''", inside.upper(), inside.title(),
             f"E'{inside}'\n'\\''", f"u&\"{inside}\"")  # fmt: skip
    pieces[place] = rng.choice(forms)


def _shuffle(rng: random.Random, pieces: list[str]) -> None:
    """Two pieces change places, one is doubled, or one goes."""
    first, second = rng.randrange(len(pieces)), rng.randrange(len(pieces))
    match rng.randrange(3):
        case 0:
            pieces[first], pieces[second] = pieces[second], pieces[first]
        case 1:
            pieces.insert(second, pieces[first])
        case _:
            del pieces[first]


def _replace(rng: random.Random, pieces: list[str]) -> None:
    pieces[rng.randrange(len(pieces))] = rng.choice(FRAGMENTS)


def _wrap(rng: random.Random, pieces: list[str]) -> None:
    before, after = rng.choice(
        (("(", ")"), ("select * from (", ") q"), ("with q as (", ") select * from q"), ("explain ", ""),
         ("explain (analyze off) ", ""), ("select exists (", ")"), ("", ";"), ("", " union all select 1"),
         ("select array(", ")"), ("explain (verbose, analyze) ", ""))
    )  # fmt: skip
    pieces.insert(0, before)
    pieces.append(after)


def _bury(rng: random.Random, pieces: list[str]) -> None:
    """A word, a string or a number within brackets, a call, a cast, a subquery or a condition of its own."""
    places = [place for place, piece in enumerate(pieces) if piece[0].isalnum() or piece[0] in "'\""]
    if places:
        place = rng.choice(places)
        pieces[place] = rng.choice(BURIALS).replace("{}", pieces[place])


def _dress(rng: random.Random, pieces: list[str]) -> None:
    """A name with another before or behind it, or under another one."""
    places = [place for place, piece in enumerate(pieces) if piece[0].isalpha()]
    if places:
        place = rng.choice(places)
        pieces[place] = rng.choice(DRESSES).replace("{}", pieces[place])


def _graft(rng: random.Random, pieces: list[str]) -> None:
    """What stands in brackets is put into other brackets."""
    opening = [place for place, piece in enumerate(pieces) if piece == "("]
    if len(opening) < 2:
        return
    begin, target = rng.sample(opening, 2)
    depth, end = 0, begin
    while end < len(pieces):
        depth += {"(": 1, ")": -1}.get(pieces[end], 0)
        end += 1
        if not depth:
            break
    pieces[target + 1 : target + 1] = [
        *pieces[begin + 1 : end - 1],
        rng.choice((" ", ", ", " or ", " and ", " union ")),
    ]


def _condition(rng: random.Random, pieces: list[str]) -> None:
    """A WHERE, ON or HAVING that says something else as well."""
    places = [place for place, piece in enumerate(pieces) if piece.lower() in {"where", "on", "having", "when", "and"}]
    if places:
        pieces.insert(rng.choice(places) + 1, rng.choice(CONDITIONS))


_MUTATIONS: tuple[Callable[[random.Random, list[str]], None], ...] = (
    lambda rng, pieces: _insert(rng, pieces, COMMENTS),
    lambda rng, pieces: _insert(rng, pieces, COMMENTS),
    lambda rng, pieces: _insert(rng, pieces, BLANKS),
    lambda rng, pieces: _insert(rng, pieces, GLUE),
    lambda rng, pieces: _insert(rng, pieces, FRAGMENTS),
    _replace,
    _respell,
    _shuffle,
    _wrap,
    _bury,
    _dress,
    _graft,
    _condition,
)


def statements(seed: int, seeds: list[str]) -> Iterator[str]:
    """Mutated statements without end, the same ones for the same seed and seeds."""
    rng = random.Random(seed)
    while True:
        pieces = _PIECES.findall(rng.choice(seeds)) or [" "]
        if rng.random() < 0.1:
            other = _PIECES.findall(rng.choice(seeds))
            pieces = pieces[: rng.randrange(len(pieces))] + other[rng.randrange(len(other) + 1) :]
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4))):
            if pieces:
                rng.choice(_MUTATIONS)(rng, pieces)
                pieces = [piece for piece in pieces if piece]
        yield "".join(pieces)
