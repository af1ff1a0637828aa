"""The smallest app: one handler, open to everybody."""

from typing import Any

from lib.http import App, Route, anyone


def serve(handler: Any, method: str = "GET", pattern: str = "/x") -> App:
    """This handler at this verb and path."""
    return App(Route(method, pattern, handler, anyone))
