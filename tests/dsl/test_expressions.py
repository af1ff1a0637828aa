"""Expressions mean what jq means, cost little, and reach nothing but the values they are given."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import json_text
from lib.dsl import paths, sandbox
from lib.dsl.expressions import (
    Expression,
    ExpressionSyntaxError,
    compile_expression,
    compile_template,
    find_expressions,
)
from lib.dsl.faults import Fault

SECRET = "s3cr3t-of-the-process"
REVIEWED = (Path(__file__).parent / "cases" / "jq_builtins.txt").read_text().split()


def evaluate(text: str, input: Any = None, **variables: Any) -> Any:
    return compile_expression(text).evaluate(input, variables)


# --- Meaning

MEANINGS = [
    (".a + 1", {"a": 1}, 2),
    ('.color == "red"', {"color": "red"}, True),
    ("{x: .a, y: (.b | length)}", {"a": 1, "b": [1, 2]}, {"x": 1, "y": 2}),
    ("[.[] | select(. > 1)]", [1, 2, 3], [2, 3]),
    ('"\\(.a)-\\(.b)"', {"a": 1, "b": "x"}, "1-x"),
    (".a // 5", {}, 5),
    ("1, 2", None, 1),
    ("empty", None, None),
    (".[] | select(. > 9)", [1], None),
    (".a # a comment", {"a": 1}, 1),
    (". # \\", 1, 1),
    (".a\n| .b", {"a": {"b": 2}}, 2),
    ('"$input"', None, "$input"),
    ('. as $output | "\\($output) $pet"', 1, "1 $pet"),
    ("reduce .[] as $n (0; . + $n)", [1, 2], 3),
]


@pytest.mark.parametrize(("text", "input", "result"), MEANINGS, ids=[case[0] for case in MEANINGS])
def test_evaluates_to_the_first_output(text: str, input: Any, result: Any):
    assert evaluate(text, input) == result


NUMBERS = [
    # Passed on: as it was, also through constructions and jq's own functions that only move values.
    (".", 12345678901234567890, 12345678901234567890),
    ("{a: .}", 12345678901234567890, {"a": 12345678901234567890}),
    ("[.[] | select(true)]", [9007199254740993, 10**30], [9007199254740993, 10**30]),
    (". | .", 0.1, 0.1),
    ("[.]", 1e308, [1e308]),
    ("9007199254740993", None, 9007199254740993),
    # Calculated: a double.
    (". + 0", 9007199254740993, 9007199254740992),
    (". * 2", 0.5, 1),
    ("1 / 3", None, 1 / 3),
    # There is no NaN and no infinity: null and the largest double, as jq writes them.
    ("nan", None, None),
    ("[nan]", None, [None]),
    ("infinite", None, 1.7976931348623157e308),
    ("-infinite", None, -1.7976931348623157e308),
    ("1e400", None, 1.7976931348623157e308),
    (". * .", 1e200, 1.7976931348623157e308),
]


@pytest.mark.parametrize(("text", "input", "result"), NUMBERS)
def test_numbers_are_as_written_until_something_is_calculated(text: str, input: Any, result: Any):
    found = evaluate(text, input)
    assert found == result
    json.dumps(found, allow_nan=False)


FAULTS = [
    (".a", 5, 'Cannot index number with string ("a") (in `.a`)'),
    (".a[0]", {"a": "x"}, "Cannot index string with number (0) (in `.a[0]`)"),
    (".a + 1", {"a": {}}, "object ({}) and number (1) cannot be added (in `.a + 1`)"),
    ('error("no stock")', None, 'no stock (in `error("no stock")`)'),
    ("error({a: 1})", None, '{"a": 1} (in `error({a: 1})`)'),
    ("$pet.name", None, "$pet is not defined here (in `$pet.name`)"),
    ("$pet + 1", None, "$pet is not defined here (in `$pet + 1`)"),
    ('"\\u0000"', None, 'the result holds \\u0000, which cannot be stored (in `"\\u0000"`)'),
    (". + 1", float("nan"), "Out of range float values are not JSON compliant: nan (in `. + 1`)"),
    (". + 1", "\ud800", "the input holds half of a surrogate pair, which is not text (in `. + 1`)"),
]


@pytest.mark.parametrize(("text", "input", "detail"), FAULTS, ids=[case[0] for case in FAULTS])
def test_a_failure_is_an_expression_fault_with_jqs_own_words(text: str, input: Any, detail: str):
    with pytest.raises(Fault) as fault:
        evaluate(text, input)
    assert fault.value.detail == detail
    assert (fault.value.type.rpartition("/")[2], fault.value.status) == ("expression", 400)


def test_a_long_failure_is_cut():
    with pytest.raises(Fault) as fault:
        evaluate('error("x" * 100000)')
    assert len(fault.value.detail or "") < 400


MISTAKES = [
    ("", "it is empty"),
    (" \n", "it is empty"),
    (".a b", "syntax error, unexpected name, expecting '|' or ',' or ')' (line 1, column 4)"),
    (".a\n| b c", "syntax error, unexpected name, expecting '|' or ',' or ')' (line 2, column 5)"),
    (".a |", "it is incomplete, or its brackets do not match"),
    ("(.a", "it is incomplete, or its brackets do not match"),
    ("'a'", "syntax error, unexpected character (line 1, column 1); strings need double quotes"),
    ("lenght", "lenght/0 is not defined (line 1, column 1); did you mean `length`?"),
    ("$pet | lenght", "lenght/0 is not defined (line 1, column 8); did you mean `length`?"),
    ("." + "a" * 10_000, "it may have 10000 characters, but has 10001"),
    ("1\0", "it holds a character that is not text"),
    ('"\ud800"', "it holds a character that is not text"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told_with_its_place(text: str, message: str):
    with pytest.raises(ExpressionSyntaxError) as mistake:
        compile_expression(text)
    assert str(mistake.value) == message


# --- Variables

NAMES = [
    (".a", []),
    ("$context.a", ["context"]),
    ("$input + $pet.age", ["input", "pet"]),
    ('"\\($task.name) \\(.x)"', ["task"]),
    ('"a \\("b \\($item)") c"', ["item"]),
    ("{$item}", ["item"]),
    (". as $x | $x + $y", ["y"]),
    (". as [$a] ?// $a | $a", []),
    ("def f($x): $x; f($index)", ["index"]),
    ("reduce .[] as $input (0; .) | $output", ["output"]),
    ('"$input costs $5"', []),
    ("1 # $input", []),
    ("$ENV | $__loc__", []),
]


@pytest.mark.parametrize(("text", "names"), NAMES, ids=[case[0] for case in NAMES])
def test_names_are_exactly_the_free_variables(text: str, names: list[str]):
    assert sorted(compile_expression(text).names) == names


def test_variables_are_data_and_never_program():
    assert evaluate("$pet + 1", None, pet=1) == 2
    assert evaluate("[$pet]", None, pet='") | env') == ['") | env']


def test_no_text_takes_long_to_look_at():
    assert evaluate("1" * 4000 + " | type") == "number"
    assert evaluate("$pet" + ".a[0]" * 900 + " | type", None, pet=None) == "null"


def test_a_compiled_expression_is_found_again():
    assert compile_expression(".a + 12345") is compile_expression(".a + 12345")


# --- The walls

LEAKS = [
    "env",
    "env.SECRET",
    "$ENV",
    "$ENV.SECRET",
    '$ENV["SECRET"]',
    '"\\(env) \\($ENV)"',
    '@json "\\(env)"',
    "[.[]?] | env.SECRET",
    "def f: env.SECRET; f",
    "def env: $ENV; env",
    ". as {a: $x} ?// $ENV | $ENV",
    "try error(env) catch .",
    'getpath(["SECRET"])',
    "[paths] | env",
    "$__loc__",
    "builtins",
    "input_filename?",
    "get_search_list?",
    "[get_jq_origin?, get_prog_origin?]",
    '("jq" | modulemeta)?',
    ".) | env.SECRET | (.",
    ".) | $ENV | (.",
    "1) | tojson | (env",
    "$__prog_args?",
]


@pytest.mark.parametrize("text", LEAKS)
def test_nothing_of_the_process_leaks(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", SECRET)
    try:
        found = Expression(text).evaluate({}, {})
    except (Fault, ExpressionSyntaxError) as exc:
        found = str(exc)
    assert SECRET not in json.dumps(found)
    assert str(Path.cwd()) not in json.dumps(found)


CLOSED = [
    "input",
    "[inputs]",
    "first(inputs)",
    "input_filename",
    "input_line_number",
    "halt",
    "halt_error",
    '"x" | halt_error',
    '"x" | halt_error(3)',
    "def f: halt; f",
    "get_search_list",
    '"a" | modulemeta',
]


@pytest.mark.parametrize("text", CLOSED)
def test_what_would_end_or_read_the_process_is_a_fault(text: str, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(Fault, match="is not available in workflow expressions"):
        evaluate(text)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["debug", 'debug("x")', "stderr", "[debug, stderr] | first"])
def test_what_would_print_prints_nothing(text: str, capfd: pytest.CaptureFixture[str]):
    assert evaluate(text, "value") == "value"
    assert capfd.readouterr() == ("", "")


REFUSED = [
    'import "a" as a; .',
    'include "a"; .',
    "module {}; .",
    "def f: 1;",
    # Attempts to leave the brackets and to lose what follows them.
    "1) # ",
    "1) # \\",
    "[.]) | tojson # \\\n",
    "1); def tojson: 2; (1",
    ") | (",
    "1)\0",
    '"',
    '"\\(',
]


@pytest.mark.parametrize("text", REFUSED)
def test_refuses_modules_and_unbalanced_texts(text: str):
    with pytest.raises(ExpressionSyntaxError):
        compile_expression(text)


def test_a_result_nested_too_deep_is_a_fault_and_not_a_crash():
    for depth in (json_text.MAX_DEPTH + 1, 5_000, 1_000_000):
        with pytest.raises(Fault, match="nested more than 128 levels deep"):
            evaluate(f"reduce range({depth}) as $i (0; [.])")
    assert evaluate(f"reduce range({json_text.MAX_DEPTH}) as $i (0; [.]) | flatten") == [0]


def test_every_function_of_jq_was_reviewed():
    """A new jq may bring new doors: look at what it adds before adding it to the list."""
    assert sorted(evaluate("builtins")) == sorted(REVIEWED)


# --- Templates


def test_a_template_replaces_whole_texts_only():
    value = {"a": "${ .x }", "b": ["${.y}", 1], "c": "say ${ .x }", "d": ".x", "e": " ${ .x }\n"}
    result = compile_template(value).evaluate({"x": 1, "y": [2]}, {})
    assert result == {"a": 1, "b": [[2], 1], "c": "say ${ .x }", "d": ".x", "e": 1}
    assert list(result) == list(value)


def test_a_bare_text_is_an_expression_at_the_top_only():
    assert compile_template(".x", bare=True).evaluate({"x": 1}, {}) == 1
    assert compile_template("${ .x }", bare=True).evaluate({"x": 1}, {}) == 1
    assert compile_template({"a": ".x"}, bare=True).evaluate({"x": 1}, {}) == {"a": ".x"}
    assert compile_template(".x").evaluate({"x": 1}, {}) == ".x"


def test_a_template_shares_what_does_not_change_and_leaves_the_document_alone():
    value = {"a": {"constant": [1]}, "b": "${ .x }"}
    before = json.dumps(value)
    template = compile_template(value)
    assert template.evaluate({"x": 1}, {})["a"] is value["a"]
    assert json.dumps(value) == before
    constant = {"a": [1]}
    assert compile_template(constant).evaluate(None, {}) is constant


def test_a_template_names_what_all_its_expressions_need():
    assert compile_template({"a": ["${ $pet }", "${ $context.x + $pet }"]}).names == {"pet", "context"}


def test_finds_every_expression_with_its_pointer():
    value = {"a/b": ["x", "${ .y }"], "c": "${.z}"}
    assert list(find_expressions(value)) == [("/a~1b/1", ".y"), ("/c", ".z")]


# --- The short cut: plain paths in Python

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=4)
keys = st.sampled_from(["a", "b", "c d", ""]) | texts
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
steps = st.one_of(
    st.sampled_from([".a", ".b", '."c d"', '.["a"]', '[""]', "[0]", ".[1]", "[-1]", "[ -2 ]", "[99]"]),
    keys.filter(lambda key: '"' not in key and "\\" not in key and key.isprintable()).map('["{}"]'.format),
)
suffixes = st.lists(steps, max_size=4).map("".join)
plain_paths = st.one_of(
    st.just("."),
    suffixes.filter(bool).map(lambda path: path if path.startswith(".") else f".{path}"),
    suffixes.map("$pet{}".format),
)


@settings(deadline=None, max_examples=150)
@given(plain_paths, values)
def test_a_plain_path_finds_or_fails_exactly_as_jq_does(text: str, value: Any):
    expression = Expression(text)
    assert paths.parse(text) is not None
    try:
        wanted = sandbox.Program(text, sorted(expression.names)).run([value] * (1 + len(expression.names)))
    except sandbox.EvaluationError as exc:
        wanted = exc
    if isinstance(wanted, Exception):
        with pytest.raises(Fault) as fault:
            expression.evaluate(value, {"pet": value})
        assert " ".join(str(wanted).split())[:40] in (fault.value.detail or "")
    else:
        assert expression.evaluate(value, {"pet": value}) == wanted


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet='.$ab_1[]"- \n?|', min_size=1, max_size=8))
def test_what_looks_like_a_path_to_us_is_one_to_jq(text: str):
    path = paths.parse(text)
    if path is not None:
        sandbox.Program(text, [path.root] if path.root else [])


FRAGMENTS = [
    *("$pet", "$pet.a", "$pet[0]", ".", ".a", "a", '"s"', "1", "2.5", "true", "null", "length", "@text"),
    *("+", "-", "==", "and", "not", "|", ",", "[", "]", "(", ")", "{", "}", ":", "//", "?"),
]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=6).map(" ".join))
def test_an_expression_that_is_not_given_its_input_does_not_look_at_it(text: str):
    try:
        expression = compile_expression(text)
    except ExpressionSyntaxError:
        return
    if expression._reads_input:
        return
    names = sorted(expression.names)

    def result(input: Any) -> Any:
        try:
            return sandbox.Program(text, names).run([input, *([{"a": 1}] * len(names))])
        except sandbox.EvaluationError as exc:
            return str(exc)

    assert result(None) == result({"a": 7, "s": 8}) == result([1])
