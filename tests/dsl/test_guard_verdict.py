"""An expression runs here only if its text proves that it cannot take long; it is given only what it reads."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.dsl import guard, reading, sandbox
from lib.dsl.expressions import Expression
from lib.dsl.faults import Fault
from lib.dsl.guard_builtins import RULES
from lib.dsl.guard_reads import project
from lib.dsl.guard_syntax import parse
from lib.dsl.guard_tokens import UnknownSyntaxError
from lib.dsl.guard_verdict import judge

CASES = Path(__file__).parent / "cases"
VERDICTS: dict[str, list[dict[str, Any]]] = reading.read((CASES / "verdicts.yaml").read_bytes(), reading.YAML)
HOSTILE = [line for line in (CASES / "hostile.txt").read_text().splitlines() if line and not line.startswith("# ")]
CPU_SECONDS = 0.1  # the budget says 2.5 ms; what tests run on may be busy or old


@pytest.mark.parametrize("case", VERDICTS["here"], ids=lambda case: case["text"])
def test_what_is_certainly_short_runs_here(case: dict[str, Any]):
    verdict = judge(case["text"])
    assert verdict.size > 0
    assert verdict.reads == case["reads"]


@pytest.mark.parametrize("case", VERDICTS["guarded"], ids=lambda case: case["text"])
def test_everything_else_runs_under_guard(case: dict[str, Any]):
    verdict = judge(case["text"])
    assert verdict.size == 0
    assert verdict.reads == case["reads"]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_taken_for_harmless(text: str):
    """Multiplying is for numbers here; with a text it halts at once, and the helper has it."""
    assert judge(text).size == 0 or "*" in text


CHAINS = ["+.", "|.", ",.", "//.", ".a", "?", "[0]", "|[.,.]", " as $x|.", "|map(.)", "|if . then . else . end"]


@pytest.mark.parametrize("link", CHAINS)
def test_no_text_is_too_long_to_be_judged(link: str):
    for length in (50, 500, 3_000):
        began = time.thread_time()
        judge("." + link * length)
        assert time.thread_time() - began < CPU_SECONDS
    assert judge("." + link * 3_000).size == 0


@pytest.mark.parametrize("pair", ["()", "[]", "map()", "try ()", "{a:}", '"\\()"', "- "])
def test_no_text_is_nested_too_deep_to_be_judged(pair: str):
    opening, closing = (pair, "") if pair == "- " else (pair[:-1], pair[-1])
    assert judge(opening * 200 + "1" + closing * 200).size == 0


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet='.$ab_1[](){}"\\- \n?|,;:#@*', max_size=12))
def test_any_text_can_be_judged(text: str):
    assert judge(text).size >= 0


# --- Random programs of all that may run here

leaves = st.sampled_from(
    [".", ".a", ".b", "$x", ".[]", "1", "2.5", '"ab"', '"\\""', ".a[]", ".[0]", "null", "[]", "{}"]
)
functions = st.sampled_from(sorted({*RULES} - {"now/0"})).map(lambda name: name.split("/"))


def _compose(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from(["+", "-", "*", "/", "%", "==", "<", "and", "or", "//"])
    format = st.sampled_from(["@json", "@html", "@uri", "@base64", "@sh", "@text"])
    frame = st.sampled_from(
        [
            *("[{0}]", "({0} | {1})", "({0}, {1})", '"\\({0})-\\({1})"', "({0})[]?", "({0})[{1}]?", "({0}).a?"),
            *("(if {0} then {1} else {2} end)", "({0} as $x | {1})", "(try ({0}) catch {1})", "({0})[1:]?"),
            "{{k: ({0}), (({1}) | tostring): ({2})}}",
        ]
    )
    return st.one_of(
        st.builds("({} {} {})".format, inner, operator, inner),
        st.builds("(({}) | {})?".format, inner, format),
        st.builds(lambda text, *parts: text.format(*parts), frame, inner, inner, inner),
        st.builds(_call, functions, inner, inner),
    )


def _call(name: list[str], input: str, argument: str) -> str:
    arguments = f"({argument})" if name[1] == "1" else ""
    return f"(({input}) | {name[0]}{arguments})?"


programs = st.recursive(leaves, _compose, max_leaves=12)


def _dense(size: int) -> list[Any]:
    """Values of about that many bytes, each of them awkward in its own way."""
    half = size // 2 - 20
    return [
        [1] * (size // 2 - 4),
        {"a": [1] * (half // 2), "b": [1] * (half // 2)},
        {"a": "a" * half, "b": "a" * half},
        {"a": [""] * (half // 3), "b": [{}] * (half // 3)},
        ["a" * half, '"' * (half // 2)],
        [{"a": 1, "b": "x"}] * (size // 16),
        {str(number): number for number in range(size // 14)},
    ]


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(programs, st.integers(0, 6))
def test_what_runs_here_ends_soon_on_the_worst_of_inputs(text: str, kind: int):
    size = judge(text).size
    if not size:
        return
    program = sandbox.NumbersProgram(text, ["x"])
    for values in ([_dense(size)[kind], None], [_dense(size // 2)[kind], _dense(size // 2)[(kind + 1) % 7]]):
        encoded = sandbox.encode(values)
        if len(encoded) > size:
            continue
        began = time.thread_time()
        _outcome(lambda encoded=encoded: program.run_text(encoded))
        assert time.thread_time() - began < CPU_SECONDS


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, "", "ab", "b", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abk"), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(programs, values, values)
def test_an_expression_gives_the_same_here_and_under_guard(text: str, input: Any, x: Any):
    """Whatever was left out of the input, and whoever calculated."""
    expression = Expression(text)
    everything = [input, *([x] if expression.names else [])]

    def guarded() -> str | None:
        return guard.Program(text, expression.names).run_text(sandbox.encode(everything))

    def found() -> str | None:
        return json.dumps(expression.evaluate(input, {"x": x}))

    assert _plain(_outcome(found)) == _plain(_outcome(guarded))


def _outcome(evaluate: Any) -> Any:
    try:
        return evaluate()
    except sandbox.EvaluationError as exc:
        return exc
    except Fault as exc:
        return sandbox.EvaluationError((exc.detail or "").rpartition(" (in `")[0])


def _plain(outcome: Any) -> Any:
    if isinstance(outcome, sandbox.EvaluationError):
        return "error", " ".join(str(outcome).split())[:40]
    try:
        return sandbox.decode(outcome) if outcome is not None else None
    except sandbox.EvaluationError as exc:
        return _plain(exc)


# --- Reading as jq reads

PRECEDENCE = [
    ("1 + 2 * 3", "(1 + (2 * 3))"),
    ("1 - 2 - 3", "((1 - 2) - 3)"),
    ("1 // 2 // 3", "(1 // (2 // 3))"),
    ("1, 2 | 3, 4", "((1, 2) | (3, 4))"),
    ("1 == 2 and 3 < 4 or 5", "(((1 == 2) and (3 < 4)) or 5)"),
    ("1 // 2 | 3", "((1 // 2) | 3)"),
    (". as $x | 1, 2 | 3", "(. as $x | ((1, 2) | 3))"),
    ("1 + . as $x | 2, 3", "(1 + (. as $x | (2, 3)))"),
    ("-1 + 2", "((-1) + 2)"),
    ("try 1 + 2", "((try 1) + 2)"),
    ("1 as $x | 2 as $y | $x", "(1 as $x | (2 as $y | $x))"),
    (".a.b | .c", "((.a).b | .c)"),
]


@pytest.mark.parametrize(("text", "grouped"), PRECEDENCE)
def test_an_expression_is_grouped_as_jq_groups_it(text: str, grouped: str):
    assert parse(text) == parse(grouped)


UNKNOWN = [
    "",
    "1 2",
    "(1",
    '"',
    '"\\(1"',
    "{a: }",
    "$ x",
    "reduce 1",
    "import",
    "1)",
    "'a'",
    "a::b",
    "..a b",
    ". as $__x | 1",
]


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_is_not_understood_is_said_to_be_unknown(text: str):
    with pytest.raises(UnknownSyntaxError):
        parse(text)


PROJECTIONS = [
    ({"a": 1, "b": 2}, {"a": None}, {"a": 1}),
    ({"a": {"b": 1, "c": 2}}, {"a": {"c": None, "d": None}}, {"a": {"c": 2}}),
    ({"a": [1, 2]}, {"a": {"b": None}}, {"a": []}),
    ([1, 2], {"a": None}, []),
    ("text", {"a": None}, ""),
    (5, {"a": None}, 5),
    (None, {"a": None}, None),
    ([1], None, [1]),
]


@pytest.mark.parametrize(("value", "reads", "passed"), PROJECTIONS)
def test_only_what_is_read_is_passed_on_and_types_stay(value: Any, reads: Any, passed: Any):
    assert project(value, reads) == passed


@pytest.mark.parametrize("text", [".a + .b", ".a | . * 2 | tostring", '[.a, .b] | test("x")?'])
def test_what_is_not_named_is_never_looked_at(text: str):
    Expression(text).evaluate({"a": 1, "b": 2, "big": object()}, {})


def test_what_a_path_does_not_lead_to_is_never_looked_at():
    with pytest.raises(Fault, match="Cannot index array"):
        Expression(".a.b").evaluate({"a": [object()]}, {})
