"""Texts become values without surprises, and a refusal says where."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import errors
from lib.dsl import limits
from lib.dsl.reading import JSON, YAML, read

PLAIN_YAML = [
    ("on: yes", {"on": "yes"}),
    ("off: [no, y, n, On]", {"off": ["no", "y", "n", "On"]}),
    ("a: [true, True, TRUE, false]", {"a": [True, True, True, False]}),
    ("a: [null, ~, Null, NULL]", {"a": [None] * 4}),
    ("a:", {"a": None}),
    ("a: [012, 0o14, 0x1F, -7, +7]", {"a": [12, 12, 31, -7, 7]}),
    ("a: [1.5, .5, 1., 1e3, -2E-2]", {"a": [1.5, 0.5, 1.0, 1000.0, -0.02]}),
    ("a: [1_000, 0b1, 1:30, 1.2.3, 0x, '5', \"true\"]", {"a": ["1_000", "0b1", "1:30", "1.2.3", "0x", "5", "true"]}),
    ("a: 2024-01-01", {"a": "2024-01-01"}),
    ("a: 2024-01-01T00:00:00Z", {"a": "2024-01-01T00:00:00Z"}),
    ("200: ok\ntrue: yes", {"200": "ok", "true": "yes"}),
    ("a: !!str 5", {"a": "5"}),
    ("a: ! 5", {"a": "5"}),
    ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
    ("a: |\n  x\n  y\nb: >\n  c\n  d\n", {"a": "x\ny\n", "b": "c d\n"}),
    ("%YAML 1.1\n---\na: on", {"a": "on"}),
    ("\ufeffa: 1", {"a": 1}),
    ("a: ${ .x }", {"a": "${ .x }"}),
    ("", None),
    ("# nothing", None),
]

WRONG_YAML = [
    ("a: 1\nb: 2\na: 3", "The key `a` appears twice in one mapping (line 3, column 1)"),
    ("1: a\n'1': b", "The key `1` appears twice in one mapping (line 2, column 1)"),
    ("a: .inf", "`.inf` is not a number that JSON can hold (line 1, column 4)"),
    ("a: .nan", "`.nan` is not a number that JSON can hold (line 1, column 4)"),
    ("a: 1e999", "`1e999` is not a number that JSON can hold (line 1, column 4)"),
    ("a: &x [*x]", "The alias `*x` stands before the end of its anchor (line 1, column 8)"),
    ("a: *nobody", "The alias `*nobody` stands before the end of its anchor (line 1, column 4)"),
    ("<<: {a: 1}", "Merge keys (`<<`) are not part of YAML 1.2: write the properties out (line 1, column 1)"),
    ("? [1]\n: 2", "A key must be plain text (line 1, column 3)"),
    ("a: 1\n---\nb: 2", "One text holds one document: a second `---` follows (line 2, column 1)"),
    ('a: "\\0"', "A string holds \\0 or half of a surrogate pair, which cannot be stored (line 1, column 4)"),
    (
        "a: !!python/object/apply:os.system [ls]",
        "The tag `tag:yaml.org,2002:python/object/apply:os.system` is not understood: plain values only"
        " (line 1, column 4)",
    ),
    (
        "a: [1\nb: 2",
        "The YAML cannot be read: while parsing a flow sequence, expected ',' or ']', but got ':' (line 2, column 2)",
    ),
]

WRONG_JSON = [
    ('{"a": 1,}', "Illegal trailing comma before end of object", 1, 8),
    ('{"a" 1}', "Expecting ':' delimiter", 1, 6),
    ("", "Expecting value", 1, 1),
    ("[1] x", "Extra data", 1, 5),
    ('{"a": 1,\n "b": {"c": 1, "c": 2}}', 'The key "c" appears twice in one object', 2, 16),
    ('{"a:": 1,\n "b": "a:",\n "a:": 3}', 'The key "a:" appears twice in one object', 3, 2),
    ('{"a": 1, "\\u0061": 2}', 'The key "a" appears twice in one object', 1, 10),
    ('{"a": [NaN]}', "NaN is not a JSON number", 1, 8),
    ("[1, -Infinity]", "-Infinity is not a JSON number", 1, 5),
    ("[1e999]", "The number 1e999 is too large", 1, 2),
    ("[\n1" + "0" * 4300 + "]", "A number has more than 4300 digits", 2, 1),
    ('["x", "\\u0000"]', "A string holds \\u0000 or half of a surrogate pair, which cannot be stored", 1, 7),
    ('["\\ud83d"]', "A string holds \\u0000 or half of a surrogate pair, which cannot be stored", 1, 2),
]


@pytest.mark.parametrize(("text", "value"), PLAIN_YAML)
def test_reads_yaml_by_the_core_schema_of_1_2(text: str, value: Any):
    assert read(text, YAML) == value


@pytest.mark.parametrize(("text", "sentence"), WRONG_YAML)
def test_refuses_wrong_yaml_and_says_where(text: str, sentence: str):
    with pytest.raises(errors.InvalidDocument) as refusal:
        read(text.encode(), YAML)
    assert refusal.value.detail == sentence
    assert refusal.value.extra["errors"] == [{"pointer": "", "detail": sentence}]


@pytest.mark.parametrize(("text", "sentence", "line", "column"), WRONG_JSON, ids=range(len(WRONG_JSON)))
def test_refuses_wrong_json_with_line_and_column(text: str, sentence: str, line: int, column: int):
    with pytest.raises(errors.InvalidJSON) as refusal:
        read(text, JSON)
    found = refusal.value
    if "trailing comma" not in sentence:  # each Python says this one its own way
        assert found.detail == f"{sentence} (line {line}, column {column})"
        assert (found.extra["line"], found.extra["column"]) == (line, column)


def test_refuses_an_alias_bomb_before_it_grows():
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    with pytest.raises(errors.InvalidDocument, match=f"more than {limits.YAML_VALUES} values"):
        read(bomb, YAML)


def test_refuses_yaml_of_more_characters_than_the_limit():
    with pytest.raises(errors.InvalidDocument, match=f"at most {limits.YAML_BYTES} characters"):
        read("a" * (limits.YAML_BYTES + 1), YAML)


@pytest.mark.parametrize("media_type", [JSON, YAML])
def test_counts_the_levels_of_a_value(media_type: str):
    deepest = "[" * limits.VALUE_DEPTH + "]" * limits.VALUE_DEPTH
    assert read(deepest, media_type)
    for text in (f"[{deepest}]", "[" * 100_000):
        with pytest.raises((errors.InvalidJSON, errors.InvalidDocument), match="nested more than 256 levels"):
            read(text, media_type)


@pytest.mark.parametrize("media_type", [JSON, YAML])
def test_refuses_bytes_that_are_not_utf_8(media_type: str):
    with pytest.raises(errors.BadRequest, match="byte 2 cannot be read"):
        read(b'["\xff"]', media_type)


def test_refuses_other_media_types_by_name():
    with pytest.raises(errors.UnsupportedMediaType, match="text/plain"):
        read("{}", "text/plain")


def test_forgives_a_byte_order_mark():
    assert read(b"\xef\xbb\xbf{}", JSON) == {}


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@settings(deadline=None)
@given(values, st.booleans())
def test_reads_back_every_json_value(value: Any, ascii_only: bool):
    assert read(json.dumps(value, ensure_ascii=ascii_only), JSON) == value


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet="[]{},:\"'&*!|>#-?%@ \nab01.~", max_size=40))
def test_any_text_is_yaml_or_is_refused_as_such(text: str):
    with contextlib.suppress(errors.InvalidDocument):
        json.dumps(read(text, YAML), allow_nan=False)
