"""What a call is told about the effect it carries out, and what it may hand back beside its output."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lib.db import Connection

type Authorization = Mapping[str, str]


class Transaction(Protocol):
    """A statement that has run, in a transaction that is still open: both methods end it, for good."""

    @property
    def connection(self) -> "Connection":
        """Where the transaction is open."""
        ...

    async def commit(self) -> None:
        """Make it count; raises when it does not, or when nobody knows whether it does."""
        ...

    async def rollback(self) -> None:
        """Undo it, unless it has ended; never raises."""
        ...


@dataclass(slots=True)
class CallContext:
    """One effect of one run.

    `timeout_seconds` covers the whole call. `secrets` are values the arguments were made with:
    they are struck out of every text a call hands back about a failure. `authorizations` is where a call
    says, as scheme and parameter, how it has authenticated. `transactions` is where it leaves the one that its
    output counts with: who asked for the call ends it.
    """

    run_id: str
    reference: str
    visit: int
    idempotency_key: str
    timeout_seconds: float
    secrets: tuple[str, ...] = field(default=(), repr=False)
    authorizations: list[Authorization] = field(default_factory=list, repr=False, compare=False)
    transactions: list[Transaction] = field(default_factory=list, repr=False, compare=False)

    @property
    def authorization(self) -> Authorization | None:
        """How the call has authenticated in the end, if it did: the document's `$authorization`."""
        return self.authorizations[-1] if self.authorizations else None

    @property
    def transaction(self) -> Transaction | None:
        """What has to be committed together with the output, if anything has."""
        return self.transactions[-1] if self.transactions else None
