"""What a call is told about the effect it carries out."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CallContext:
    """One effect of one run.

    `timeout_seconds` covers the whole call. `secrets` are values the arguments were made with:
    they are struck out of every text a call hands back about a failure.
    """

    run_id: str
    reference: str
    visit: int
    idempotency_key: str
    timeout_seconds: float
    secrets: tuple[str, ...] = field(default=(), repr=False)
