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
from lib.json_text import MAX_DEPTH

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


@pytest.mark.parametrize(("text", "value"), PLAIN_YAML)
def test_reads_yaml_by_the_core_schema_of_1_2(text: str, value: Any):
    assert read(text, YAML) == value


@pytest.mark.parametrize(("text", "sentence"), WRONG_YAML)
def test_refuses_wrong_yaml_and_says_where(text: str, sentence: str):
    with pytest.raises(errors.InvalidDocument) as refusal:
        read(text.encode(), YAML)
    assert refusal.value.detail == sentence
    assert refusal.value.extra["errors"] == [{"pointer": "", "detail": sentence}]


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
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert read(deepest, media_type)
    for text in (f"[{deepest}]", "[" * 100_000):
        with pytest.raises(errors.Unprocessable, match="nested more than 128 levels"):
            read(text, media_type)


@pytest.mark.parametrize("media_type", [JSON, YAML])
@pytest.mark.parametrize("data", [b'["\xff"]', '["\ud800"]'], ids=["bytes", "text"])
def test_refuses_what_is_not_utf_8(data: bytes | str, media_type: str):
    with pytest.raises(errors.BadRequest, match=r"not UTF-8 \(line 1, column 3\)"):
        read(data, media_type)


def test_refuses_other_media_types_by_name():
    with pytest.raises(errors.UnsupportedMediaType, match="text/plain"):
        read("{}", "text/plain")


@pytest.mark.parametrize("media_type", [JSON, YAML])
def test_forgives_a_byte_order_mark(media_type: str):
    assert read(b"\xef\xbb\xbf{}", media_type) == read("\ufeff{}", media_type) == {}


def test_reads_json_as_strictly_as_everywhere():
    with pytest.raises(errors.InvalidJSON, match=r"stands twice in one object \(line 1, column 10\)"):
        read('{"a": 1, "a": 2}', JSON)


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet="[]{},:\"'&*!|>#-?%@ \nab01.~", max_size=40))
def test_any_text_is_yaml_or_is_refused_as_such(text: str):
    with contextlib.suppress(errors.InvalidDocument):
        json.dumps(read(text, YAML), allow_nan=False)
