"""Rounds: everybody once in each; who fails in one is out and named, and the others go on."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from tests.bench.lab import say

# What comes from pip, npm, Postgres or a peer may name folders of this machine, hosts and passwords.
_URL = re.compile(r"\w+://\S+")
_PATH = re.compile(r"(?<!\w)(?:/[\w.@+-]+)+/([\w.@+-]+)")
LONGEST_REASON = 240


class NotRun(Exception):
    """A contender or a part that could not be measured; its sentence says why."""


@dataclass
class Rounds[T]:
    """What each case that came through every round has found, and why the others did not."""

    found: dict[str, list[T]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def interleave[T](rounds: int, cases: Mapping[str, Callable[[], T]], *, vital: Collection[str] = ()) -> Rounds[T]:
    """Every case once a round, each round in another order: a busy moment of the machine hits them alike.

    A case that raises is left out of the rounds to come, and what it had found does not count; one of the `vital`,
    without which the others say nothing, raises NotRun.
    """
    kept: Rounds[T] = Rounds({name: [] for name in cases})
    names = list(cases)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            if name in kept.failed:
                continue
            try:
                kept.found[name].append(cases[name]())
            except Exception as error:
                if name in vital:
                    raise NotRun(f"{name}: {explain(error)}") from error
                del kept.found[name]
                kept.failed[name] = f"{explain(error)} (round {number + 1} of {rounds})"
            say(f"  round {number + 1} of {rounds}: {name}{': not run' if name in kept.failed else ''}")
    return kept


def explain(error: Exception) -> str:
    """Why something was not run, in one line that may be published: no folders, no addresses."""
    text = " ".join(str(error).split())
    if not isinstance(error, NotRun):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return redact(text)


def redact(text: str) -> str:
    """The same without URLs and folders, and not too long."""
    return _PATH.sub(r"\1", _URL.sub("<address>", text))[:LONGEST_REASON]
