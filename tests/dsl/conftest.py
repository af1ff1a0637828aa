"""What the tests of the machine share."""

import pytest

from lib.dsl.unsupported import UNSUPPORTED


@pytest.fixture
def whole_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets documents use what the machine runs, also where nothing around it does yet."""
    for place in ("task", "workflow"):
        monkeypatch.setitem(UNSUPPORTED, place, frozenset())
