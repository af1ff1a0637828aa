"""The language, scenario by scenario: documents as data, with what the world answers and what comes of it."""

from pathlib import Path
from typing import Any

import pytest

from lib import dsl
from lib.dsl.reading import YAML, read
from tests.dsl.scenario import KEYS, perform

ABOUT = {"dsl": "1.0.3", "namespace": "test", "name": "scenario", "version": "1.0.0"}
FILES = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))
SCENARIOS = [
    pytest.param(scenario, id=f"{path.stem}: {scenario['name']}")
    for path in FILES
    for scenario in read(path.read_bytes(), YAML)
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: dict[str, Any]):
    assert set(scenario) <= {*KEYS, "name", "definition"}
    perform(dsl.compile_document({"document": ABOUT, **scenario["definition"]}, allow_scripts=True), scenario)
