"""Durations mean what ISO 8601 and the DSL say, or are refused with a sentence."""

import re
from pathlib import Path
from typing import Any

import pytest

from lib.dsl import durations
from lib.dsl.reading import YAML, read

CASES = read((Path(__file__).parent / "cases" / "durations.yaml").read_bytes(), YAML)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["value"]))
def test_duration(case: dict[str, Any]):
    if "refused" in case:
        with pytest.raises(ValueError, match=re.escape(case["refused"])):
            durations.seconds(case["value"])
    else:
        assert durations.seconds(case["value"]) == pytest.approx(case["seconds"])
