"""The body that starts a run, read by hand: two fields are not worth importing pydantic for in a cold start."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lib.errors import Unprocessable
from lib.http.pointers import write_pointer

MODES = ("auto", "manual")


@dataclass(frozen=True)
class StartRun:
    """The body of `POST /workflows/{id}/runs`."""

    input: Any = field(default_factory=dict)
    mode: str = "auto"


def read_start(value: Any) -> StartRun:
    """The value as that body; raises Unprocessable with a pointer to each thing that is wrong."""
    if errors := list(_find_errors(value)):
        raise Unprocessable("The body does not have the right shape.", errors=errors)
    return StartRun(**value)


def _find_errors(value: Any) -> Iterator[dict[str, str]]:
    if not isinstance(value, dict):
        yield {"pointer": "", "detail": "Input should be an object"}
        return
    if value.get("mode", "auto") not in MODES:
        yield {"pointer": "/mode", "detail": "Input should be 'auto' or 'manual'"}
    for name in value:
        if name not in ("input", "mode"):
            yield {"pointer": write_pointer((name,)), "detail": "Nothing of this name is taken here"}
