"""How much of everything the bench measures: a number for each, an option on the command line for each."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any


def _size(default: int, what: str) -> Any:
    return field(default=default, metadata={"help": what})


@dataclass(frozen=True)
class Sizes:
    """The defaults are what two cores measure in half an hour."""

    rounds: int = _size(3, "rounds of throughput, latency and scale-out")
    runs: int = _size(1000, "runs of five steps in a round of throughput")
    latency_runs: int = _size(100, "runs of five steps, one at a time, in a round of latency")
    finished: int = _size(1_000_000, "finished runs that claims of the backlog pass by")
    due: int = _size(1_000_000, "the largest number of due runs that is claimed from")
    scale_runs: int = _size(5000, "runs of five steps in a round of scale-out")
    processes: int = _size(8, "the largest number of sweeping processes of scale-out")
    long_tasks: int = _size(100_000, "effects of the long run")
    clients: int = _size(5000, "the largest number of clients of the streams")
    patience: int = _size(300, "seconds after which a contender that does not answer is not waited for")

    @classmethod
    def describe(cls) -> list[tuple[str, int, str]]:
        """Each one's name, default and meaning."""
        return [(one.name, int(str(one.default)), one.metadata["help"]) for one in fields(cls)]


def up_to(marks: Sequence[int], most: int) -> list[int]:
    """Those marks that are below `most`, then `most` itself."""
    return [*(mark for mark in marks if mark < most), most]
