"""Where a request's time went, as a Server-Timing header."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from lib import db

_warm = False


class Timing:
    """Milliseconds since this request came in, and the parts that were measured."""

    def __init__(self) -> None:
        global _warm
        db.measure()
        self._began = time.perf_counter()
        # The processor time a new process has used is what its imports cost, however long it then waited.
        self._parts = [] if _warm else [f'cold;desc="first request";dur={time.process_time() * 1000:.1f}']
        _warm = True

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure a block under this name."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._parts.append(f"{name};dur={(time.perf_counter() - began) * 1000:.1f}")

    @property
    def ms(self) -> float:
        """Milliseconds so far."""
        return round((time.perf_counter() - self._began) * 1000, 1)

    def header(self) -> str:
        """The header's value, up to now."""
        return ", ".join([*self._parts, f"db;dur={db.spent_ms():.1f}", f"total;dur={self.ms:.1f}"])
