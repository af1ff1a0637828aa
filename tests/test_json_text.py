"""What is JSON, and what only looks like it."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.errors import BadRequest, InvalidJSON, Unprocessable
from lib.json_text import MAX_DEPTH, MAX_DIGITS, decode, is_deeper_than, parse

HALF = "A string holds half of a surrogate pair, which is no character"
DIGITS = "A number has more than 4300 digits"

PLAIN = [None, True, 0, -1.5, "", "ä€😀", [], {}, {"a": [1, {"b": None}]}, 2**200, "\0", "\\u0000", "\\ud800"]

# Each text reads, although a careless look could find a name twice, half a pair or no number in it.
LOOKS_WRONG = [
    ('{"a" : 1, "b"\n\t:\r2}', {"a": 1, "b": 2}),
    ('{"a": "\\"a\\": 1", "b": ":", "c": "d :"}', {"a": '"a": 1', "b": ":", "c": "d :"}),
    ('{"a\\\\": 1, "a": 2}', {"a\\": 1, "a": 2}),
    ('[{"a": 1}, {"a": {"a": 2}}]', [{"a": 1}, {"a": {"a": 2}}]),
    ('["\\\\ud800", "\\ud83d\\ude00", "NaN", "1e999"]', ["\\ud800", "😀", "NaN", "1e999"]),
    ("[1e308, -1E-999, 1e-7, 0.1]", [1e308, -0.0, 1e-7, 0.1]),
    ("9" * MAX_DIGITS, 10**MAX_DIGITS - 1),
    (f"1.{'0' * 5000}", 1.0),
    ("\ufeff[1]", [1]),
]

# The text, the sentence, the line, the column.
INVALID = [
    ("", "Expecting value", 1, 1),
    ("'a'", "Expecting value", 1, 1),
    ('{"input": }', "Expecting value", 1, 11),
    ('{\n  "input": {},\n  mode: 1\n}', "Expecting property name enclosed in double quotes", 3, 3),
    ('{"a" 1}', "Expecting ':' delimiter", 1, 6),
    ('{"a": 1} x', "Extra data", 1, 10),
    ("\ufeff[1] x", "Extra data", 1, 5),
    ('{"a": NaN}', "NaN is not JSON", 1, 7),
    ('{"NaN":\n -Infinity}', "-Infinity is not JSON", 2, 2),
    ('["\\"NaN", Infinity]', "Infinity is not JSON", 1, 11),
    ("[1, -Infinityx]", "-Infinity is not JSON", 1, 5),
    ('{"mode": "auto", "input": {}, "mode": "manual"}', 'The name "mode" stands twice in one object', 1, 31),
    ('{"a": 1,\n "b": {"c": 1, "c": 2}}', 'The name "c" stands twice in one object', 2, 16),
    ('{"a:": 1,\n "b": "a:",\n "a:": 3}', 'The name "a:" stands twice in one object', 3, 2),
    ('{"a": 1, "\\u0061": 2}', 'The name "a" stands twice in one object', 1, 10),
    ('{"a":1,"a" :2}', 'The name "a" stands twice in one object', 1, 8),
    ('{"a\\\\":1,"b":":","a\\\\"\n:2}', 'The name "a\\\\" stands twice in one object', 1, 18),
    ('{"a": 1, "a": {"b": 1, "b": 2}}', 'The name "a" stands twice in one object', 1, 10),
    ('{"\\ud800": 1, "\\ud800": 2}', 'The name "\\ud800" stands twice in one object', 1, 15),
    (f'{{"{"x" * 99}": 1, "{"x" * 99}": 2}}', f'The name "{"x" * 80}" stands twice in one object', 1, 108),
]

UNPROCESSABLE = [
    ("1e999", "The number 1e999 is too large to be kept", 1, 1),
    ("[1,\n-1e999]", "The number -1e999 is too large to be kept", 2, 1),
    ('["1e400", 1e400x]', "The number 1e400 is too large to be kept", 1, 11),
    (f"[{'9' * 400}.5]", f"The number {'9' * 40} is too large to be kept", 1, 2),
    ("9" * 5000, DIGITS, 1, 1),
    (f'["{"9" * 5000}",\n-1{"0" * MAX_DIGITS}]', DIGITS, 2, 1),
    ('["\\ud83d"]', HALF, 1, 2),
    ('["\\ud83d\\ude00",\n"\\ude00\\ud83d"]', HALF, 2, 1),
    ('["\\\\ud83d\\ude00"]', HALF, 1, 2),
    ('{"a": {"\\uD800": 1}}', HALF, 1, 8),
]


@pytest.mark.parametrize("value", PLAIN, ids=ascii)
def test_reads_what_json_can_say(value: Any) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(("text", "value"), LOOKS_WRONG, ids=range(len(LOOKS_WRONG)))
def test_reads_what_only_looks_wrong(text: str, value: Any) -> None:
    assert parse(text.encode()) == value


@pytest.mark.parametrize(
    ("refusal", "text", "sentence", "line", "column"),
    [(InvalidJSON, *case) for case in INVALID] + [(Unprocessable, *case) for case in UNPROCESSABLE],
    ids=range(len(INVALID) + len(UNPROCESSABLE)),
)
def test_says_what_is_wrong_and_where(
    refusal: type[Exception], text: str, sentence: str, line: int, column: int
) -> None:
    with pytest.raises(refusal) as caught:
        parse(text.encode())
    assert caught.type is refusal
    assert caught.value.detail == f"{sentence} (line {line}, column {column})."
    assert (caught.value.extra["line"], caught.value.extra["column"]) == (line, column)


@pytest.mark.parametrize(("text", "line"), [('{"a": 1,}', 1), ("[1,\n2,]", 2)])
def test_refuses_a_trailing_comma_and_says_the_line(text: str, line: int) -> None:
    """Each Python says this one its own way, at the comma or behind it."""
    with pytest.raises(InvalidJSON) as caught:
        parse(text.encode())
    assert caught.value.extra["line"] == line
    assert f"(line {line}, column {caught.value.extra['column']})." in caught.value.detail


def test_says_where_the_bytes_stop_being_utf_8() -> None:
    with pytest.raises(InvalidJSON, match=r"This is not UTF-8 \(line 2, column 3\)\."):
        parse('["ä",\n "'.encode() + b"\xff\xfe")
    with pytest.raises(BadRequest, match=r"This is not UTF-8 \(line 1, column 3\)\.") as caught:
        decode(b"\xef\xbb\xbfa:\xff")
    assert caught.type is BadRequest


def test_names_the_limit_of_digits() -> None:
    with pytest.raises(Unprocessable, match=str(MAX_DIGITS)) as caught:
        parse(b"9" * (MAX_DIGITS + 1))
    assert caught.value.extra["limit"] == MAX_DIGITS


@pytest.mark.parametrize("levels", [1, 2, MAX_DEPTH, 100_000])
def test_counts_the_levels_of_a_value(levels: int) -> None:
    value: Any = []
    for level in range(1, levels):
        value = [1, value] if level % 2 else {"a": value, "b": "["}
    assert not is_deeper_than(levels, value)
    assert is_deeper_than(levels - 1, value)
    assert not is_deeper_than(0, "[")


def test_reads_the_deepest_value_that_is_allowed() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(parse(text.encode())) == text


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_names_the_limit_of_depth(depth: int, opening: str, closing: str) -> None:
    with pytest.raises(Unprocessable, match="nested more than 128 levels deep") as caught:
        parse((opening * depth + "1" + closing * depth).encode())
    assert caught.value.extra == {"limit": MAX_DEPTH}


texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@settings(deadline=None)
@given(values, st.booleans(), st.sampled_from([None, 1, "\t"]), st.sampled_from([":", ": ", " : ", "\n:", "\t\r: "]))
def test_reads_back_every_json_value(value: Any, ascii_only: bool, indent: Any, colon: str) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=(",", colon))
    assert parse(text.encode()) == value


NAMES = ['"a"', '"a\\\\"', '":"', '"\\":"', '"b :"']
members = st.tuples(st.sampled_from(NAMES), st.sampled_from([":", " :", "\n: "]))
objects = st.recursive(
    st.sampled_from(["0", *NAMES]),
    lambda inner: st.lists(st.tuples(members, inner), max_size=4).map(
        lambda found: f"{{{','.join(name + colon + value for (name, colon), value in found)}}}"
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=300)
@given(objects)
def test_finds_every_name_that_stands_twice(text: str) -> None:
    twice = False

    def look(members: list[tuple[str, Any]]) -> None:
        nonlocal twice
        twice = twice or len({name for name, _ in members}) < len(members)

    json.loads(text, object_pairs_hook=look)
    if not twice:
        assert parse(text.encode()) == json.loads(text)
        return
    with pytest.raises(InvalidJSON, match="stands twice"):
        parse(text.encode())


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from([*'[]{},:"\\ \n0e', '"a"', "1e999", "9" * 4301, "NaN", "-Infinity", "\\ud800"])))
def test_any_text_is_json_or_is_refused_as_such(parts: list[str]) -> None:
    with contextlib.suppress(InvalidJSON, Unprocessable):
        value = parse("".join(parts).encode())
        assert json.loads(json.dumps(value, allow_nan=False)) == value
