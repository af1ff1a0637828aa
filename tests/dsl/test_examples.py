"""Every example of the specification runs, or is refused for the one reason that is documented."""

from pathlib import Path
from typing import Any

import pytest

from lib import dsl
from lib.dsl.reading import YAML, read
from lib.dsl.validation import validate
from tests.dsl.scenario import perform

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "shared" / "serverless-workflow" / "examples"
CASES: dict[str, dict[str, Any]] = read((HERE / "cases" / "examples.yaml").read_bytes(), YAML)
NOT_SUPPORTED = " is not supported by this release"
SWITCHED_OFF = " is switched off here: "

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="not run: the specification's examples are not here")


def example(name: str) -> Any:
    return read((EXAMPLES / f"{name}.yaml").read_bytes(), YAML)


def reasons(name: str, *, allow_scripts: bool) -> set[str]:
    """Why an example is refused, without its places."""
    problems = validate(example(name), longest_effect_seconds=285, allow_scripts=allow_scripts)
    return {problem["detail"] for problem in problems}


def test_every_example_has_a_case_and_every_case_its_example():
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_example_runs_or_is_refused_for_one_documented_reason(name: str):
    case = dict(CASES[name])
    if off := case.pop("switched_off", None):
        [reason] = reasons(name, allow_scripts=False)
        assert reason.startswith(off + SWITCHED_OFF)
    found = reasons(name, allow_scripts=True)
    if refused := case.pop("refused", None):
        assert found == {refused + NOT_SUPPORTED}
        return
    needs = case.pop("needs", [])
    if found:
        assert len(found) == 1, found
        assert any(need in reason for need in needs for reason in found), found
        return
    if case:
        perform(dsl.compile_document(example(name), allow_scripts=True), case)
