"""What one soak does: drawn from a seed, and small enough to be made smaller when something fails."""

from dataclasses import dataclass

from tests.soak.documents import KINDS

FAULTS = (
    "point",
    "kill",
    "freeze",
    "expire",
    "cut",
    "interrupt",
    "crash",
    "skew",
    "cancel",
    "suspend",
    "events",
    "readers",
)


@dataclass(frozen=True)
class Plan:
    """A wave: so many runs at a time of random documents, on so many instances, with these faults, for so long."""

    seed: int
    seconds: float = 45.0
    instances: int = 5
    documents: int = 8
    live_runs: int = 24
    kinds: tuple[str, ...] = KINDS
    faults: tuple[str, ...] = FAULTS
    until_struck: bool = False  # it ends as soon as somebody has died at every point

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.seconds:g} s, {self.instances} instances, {self.documents} documents of "
            f"{', '.join(self.kinds)}; {self.live_runs} runs at a time; faults: {', '.join(self.faults)}"
        )
