"""What a `call:` can do: effects on the world outside, by function name.

Its names are imported when they are first used: with them comes the workflow language, which costs 80 ms, and the
database tool, which lives next door, needs none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lib.calls.context import Authorization, CallContext, Transaction
    from lib.calls.redaction import strike_out, texts_in, without_secrets
    from lib.calls.registry import close, run

__all__ = ["Authorization", "CallContext", "Transaction", "close", "run", "strike_out", "texts_in", "without_secrets"]

_HOMES = {
    **dict.fromkeys(("Authorization", "CallContext", "Transaction"), "lib.calls.context"),
    **dict.fromkeys(("strike_out", "texts_in", "without_secrets"), "lib.calls.redaction"),
    **dict.fromkeys(("close", "run"), "lib.calls.registry"),
}


def __getattr__(name: str) -> Any:
    """One of the names above."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)  # found here from now on
    return found
