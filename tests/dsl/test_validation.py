"""A document is refused with every problem it has, each with its place and a sentence; good ones pass."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.dsl import event_models, faults, limits, models, process_checks, tasklists, unsupported
from lib.dsl.check import check_file
from lib.dsl.document import KINDS
from lib.dsl.reading import YAML, read
from lib.dsl.structure import Findings
from lib.dsl.unsupported import UNSUPPORTED
from lib.dsl.validation import validate

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "serverless-workflow" / "examples"
HEADER = {"dsl": "1.0.3", "namespace": "test", "name": "case", "version": "0.1.0"}
FILES = ("accepted", "calls", "statements", "structure", "expressions", "references", "unsupported")
NOT_SUPPORTED = "is not supported by this release"
SWITCHED_OFF = process_checks.SWITCHED_OFF


def cases(*files: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{file}: {case['name']}")
        for file in files
        for case in read((HERE / "cases" / f"{file}.yaml").read_bytes(), YAML)
    ]


def problems(definition: Any) -> list[dict[str, str]]:
    return validate(definition, longest_effect_seconds=285)


def with_tasks(*tasks: Any) -> dict[str, Any]:
    return {"document": HEADER, "do": list(tasks)}


@pytest.mark.parametrize("case", cases(*FILES))
def test_case(case: dict[str, Any]):
    definition = case["definition"]
    if isinstance(definition, dict) and "document" not in definition:
        definition = {"document": HEADER, **definition}
    assert problems(definition) == case.get("problems", [])


@pytest.mark.parametrize("case", cases("events"))
def test_case_of_what_runs_in_the_machine(case: dict[str, Any]):
    test_case(case)


@pytest.mark.skipif(not SHARED.is_dir(), reason="not run: the specification's examples are not here")
@pytest.mark.parametrize("topic", ["listen", "emit", "run-subflow", "schedule", "mock", "call-custom-function-inline"])
def test_passes_the_examples_about(topic: str):
    files = sorted(SHARED.glob(f"{topic}*.yaml"))
    assert files
    for file in files:
        assert problems(read(file.read_bytes(), YAML)) == [], file.name


@pytest.mark.skipif(not SHARED.is_dir(), reason="not run: the specification's examples are not here")
@pytest.mark.parametrize("topic", ["run-script", "run-shell"])
def test_passes_the_examples_of_scripts_where_they_are_allowed(topic: str):
    for file in SHARED.glob(f"{topic}*.yaml"):
        definition = read(file.read_bytes(), YAML)
        assert validate(definition, longest_effect_seconds=285, allow_scripts=True) == [], file.name


@pytest.mark.skipif(not SHARED.is_dir(), reason="not run: the specification's examples are not here")
def test_every_example_of_the_specification_passes_or_needs_what_comes_later():
    files = sorted(SHARED.glob("*.yaml"))
    assert len(files) >= 60
    for file in files:
        for problem in check_file(file, 285):
            assert problem["detail"].endswith((NOT_SUPPORTED, SWITCHED_OFF)), (file.name, problem)


@pytest.mark.skipif(not SHARED.is_dir(), reason="not run: the specification's examples are not here")
@pytest.mark.parametrize(
    "name",
    [
        "authentication-bearer",
        "authentication-oauth2",
        "authentication-oauth2-secret",
        "authentication-oidc",
        "authentication-oidc-secret",
        "authentication-reusable",
        "call-http-endpoint-interpolation",
        "call-http-query-headers-expressions",
        "call-openapi",
        "call-openapi-redirect",
        "conditional-task",
        "do-multiple",
        "fork",
        "raise-inline",
        "raise-reusable",
        "star-wars-homeworld",
        "switch-then-string",
        "try-catch-retry-reusable",
        "wait-duration-iso8601",
    ],
)
def test_passes_the_examples_this_release_runs(name: str):
    assert problems(read((SHARED / f"{name}.yaml").read_bytes(), YAML)) == []


def test_what_may_run_is_what_can_run():
    """Validation and compiler know the same kinds."""
    assert set(tasklists._MODELS) == set(KINDS)


@pytest.mark.parametrize(
    ("place", "name"), [(place, name) for place, names in UNSUPPORTED.items() for name in sorted(names)]
)
def test_each_row_of_the_table_is_one_sentence(place: str, name: str):
    assert (unsupported.refusal(place, name) or "").endswith(NOT_SUPPORTED)


def test_every_field_of_a_model_can_be_described():
    """A complaint about any field finds the words for what is allowed there."""
    for model in {**vars(models), **vars(event_models)}.values():
        if inspect.isclass(model) and issubclass(model, models.Part):
            findings = Findings()
            assert not findings.check(model, {"strange": 1}, "")
            assert all(problem["detail"] for problem in findings.problems)


def test_refuses_more_tasks_than_the_limit_and_names_it_once():
    task = {"set": {"x": 1}}
    enough = with_tasks(*({f"t{number}": task} for number in range(limits.DOCUMENT_TASKS)))
    assert problems(enough) == []
    enough["do"] += [{"a": task}, {"b": task}]
    assert problems(enough) == [
        {"pointer": "/do/1000/a", "detail": "a document may have at most 1000 tasks"},
    ]


def test_refuses_more_expressions_than_the_limit_and_names_it_once():
    enough = with_tasks({"a": {"set": {"x": ["${ .x }"] * limits.DOCUMENT_EXPRESSIONS}}})
    assert problems(enough) == []
    enough["do"].append({"b": {"set": {"x": "${ .x }", "y": "${ .x }"}}})
    assert problems(enough) == [
        {"pointer": "/do/1/b/set/x", "detail": "a document may have at most 2000 expressions"},
    ]


def test_refuses_a_document_nested_deeper_than_the_limit():
    value: Any = 1
    for _ in range(limits.DOCUMENT_DEPTH):
        value = [value]
    [problem] = problems(with_tasks({"a": {"set": {"x": value}}}))
    assert problem == {"pointer": "", "detail": "a document may be nested at most 64 levels deep"}


def test_refuses_a_document_larger_than_the_limit():
    [problem] = problems(with_tasks({"a": {"set": {"x": "x" * limits.DOCUMENT_BYTES}}}))
    assert problem["detail"].startswith("a document may have at most 1048576 bytes as JSON")


def test_refuses_texts_that_no_database_can_hold_and_says_where():
    detail = "holds \\u0000 or half of a surrogate pair, which cannot be stored"
    found = problems(with_tasks({"a": {"set": {"x/y": ["ä", "\0", "\ud800"], "z": {"\0": 1}, "fine": "\\u0000 😀"}}}))
    assert found == [
        {"pointer": "/do/0/a/set/x~1y/1", "detail": detail},
        {"pointer": "/do/0/a/set/x~1y/2", "detail": detail},
        {"pointer": "/do/0/a/set/z", "detail": detail},
    ]


def test_the_longest_effect_is_the_callers():
    call = {"call": "http", "with": {"method": "get", "endpoint": "https://x.test"}, "timeout": {"after": "PT50S"}}
    assert validate(with_tasks({"a": call}), longest_effect_seconds=50) == []
    [problem] = validate(with_tasks({"a": call}), longest_effect_seconds=45)
    assert problem["detail"] == "a call may take at most 45 seconds here, but its timeout is 50"


def test_a_fault_of_the_language_is_an_error_an_author_can_write():
    error = {"type": faults.STANDARD + "timeout", "status": 408}
    assert problems(with_tasks({"a": {"raise": {"error": error}}})) == []


WORDS = st.sampled_from(
    [
        *("do", "for", "fork", "switch", "set", "raise", "wait", "call", "try", "catch", "listen", "if", "then"),
        *("input", "output", "from", "as", "schema", "document", "timeout", "after", "with", "endpoint", "uri"),
        *("emit", "event", "to", "any", "all", "one", "until", "foreach", "do", "correlate", "expect", "run", "shell"),
        *("workflow", "script", "name", "extend", "before", "cron", "every", "on", "type", "source", "time"),
        *("errors", "retry", "each", "in", "at", "while", "branches", "error", "when", "use", "basic", "a", "b"),
        "authentication",
    ]
)
TEXTS = st.sampled_from(["a", "b", "http", "end", ".a", "${ .a }", "${ $x }", "PT1S", "https://x.test", "", "'"])
SCRAPS = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 600) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=25,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(WORDS, SCRAPS, max_size=4), SCRAPS, SCRAPS)
def test_no_document_is_too_strange_to_be_answered(task: dict[str, Any], use: Any, catch: Any):
    strange = {
        "document": HEADER,
        "do": [{"t": task}, {"u": {"try": [{"v": task}], "catch": catch}}, {"w": {**task, "call": "http"}}],
        "use": {
            "errors": use,
            "retries": {"r": use},
            "timeouts": {"t": use},
            "authentications": {"a": use},
            "functions": {"a": task, "f": use},
            "extensions": [{"e": {"extend": "all", "before": use}}, use],
        },
        "schedule": use,
        "input": use,
        "timeout": catch,
    }
    for problem in problems(strange):
        assert problem["pointer"].startswith("/")
        assert problem["detail"]
