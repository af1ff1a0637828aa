"""What a `call:` can do: effects on the world outside, by function name."""

from lib.calls.context import Authorization, CallContext, Transaction
from lib.calls.redaction import strike_out, texts_in, without_secrets
from lib.calls.registry import close, run

__all__ = ["Authorization", "CallContext", "Transaction", "close", "run", "strike_out", "texts_in", "without_secrets"]
