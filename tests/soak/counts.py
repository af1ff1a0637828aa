"""What a soak has done, counted."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Counts:
    """Faults by name, kills by the point they struck at, and what the runs did meanwhile."""

    faults: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def kills(self) -> int:
        """Instances that were killed with SIGKILL, at a point or at any moment."""
        return self.faults["point"] + self.faults["kill"]

    def add(self, other: "Counts") -> None:
        """Count what another wave has done, too."""
        self.faults += other.faults
        self.points += other.points
        self.runs += other.runs
        self.seconds += other.seconds

    def to_json(self) -> dict[str, Any]:
        """For a record of the soak."""
        return {
            "kills": self.kills,
            "faults": dict(sorted(self.faults.items())),
            "points": dict(sorted(self.points.items())),
            "runs": dict(sorted(self.runs.items())),
            "seconds": round(self.seconds),
        }
