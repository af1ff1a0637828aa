"""Who asks: a key's scopes and a name for it that gives nothing away."""

import hashlib
from dataclasses import dataclass, field

from lib.config import SCOPES


@dataclass(frozen=True)
class Caller:
    """The holder of `key` (empty where no keys are configured); neither printed nor logged."""

    key: str = field(repr=False)
    scopes: frozenset[str]

    @property
    def name(self) -> str:
        """A stable name for this caller, to keep its idempotency keys and its rate apart from others'."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:16] if self.key else ""


# A process without keys (a laptop) lets anyone do anything.
ANYONE = Caller("", SCOPES)
