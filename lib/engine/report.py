"""What one sweep did, counted."""

from dataclasses import dataclass
from typing import Any


@dataclass
class SweepReport:
    """Counts of runs, but for `effects` and `commits`; `ended` says why the sweep stopped."""

    claimed: int = 0
    advanced: int = 0
    completed: int = 0
    failed: int = 0
    waiting: int = 0
    released: int = 0
    effects: int = 0
    commits: int = 0
    backlog: int = 0
    ms: int = 0
    ended: str = "drained"

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return dict(vars(self))
