"""What a `call:` can do: effects on the world outside, by function name."""

from lib.calls.context import CallContext
from lib.calls.registry import close, run

__all__ = ["CallContext", "close", "run"]
