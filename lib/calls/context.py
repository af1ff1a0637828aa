"""What a call is told about the effect it carries out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

type Authorization = Mapping[str, str]


@dataclass(frozen=True)
class CallContext:
    """One effect of one run.

    `timeout_seconds` covers the whole call. `secrets` are values the arguments were made with:
    they are struck out of every text a call hands back about a failure. `authorizations` is where a call
    says, as scheme and parameter, how it has authenticated.
    """

    run_id: str
    reference: str
    visit: int
    idempotency_key: str
    timeout_seconds: float
    secrets: tuple[str, ...] = field(default=(), repr=False)
    authorizations: list[Authorization] = field(default_factory=list, repr=False, compare=False)

    @property
    def authorization(self) -> Authorization | None:
        """How the call has authenticated in the end, if it did: the document's `$authorization`."""
        return self.authorizations[-1] if self.authorizations else None
