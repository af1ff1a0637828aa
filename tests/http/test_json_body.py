"""What is JSON, and what only looks like it."""

import json
from typing import Any

import pytest

from lib.errors import InvalidJSON, Unprocessable
from lib.http.json_body import MAX_DEPTH, read_json


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, "", "ä€😀", [], {}, {"a": [1, {"b": None}]}, 2**200, "\0", "\\u0000"]
)
def test_reads_what_json_can_say(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ('{"input": }', 1, 11),
        ('{\n  "input": {},\n  mode: 1\n}', 3, 3),
        ("[1,\n2,]", 2, 3),
        ('{"a": 1} x', 1, 10),
        ('{"a": NaN}', 1, 7),
        ('{"NaN":\n -Infinity}', 2, 2),
        ('["\\"NaN", Infinity]', 1, 11),
        ("'a'", 1, 1),
    ],
)
def test_says_the_line_and_column_of_a_mistake(text: str, line: int, column: int) -> None:
    with pytest.raises(InvalidJSON) as caught:
        read_json(text.encode())
    assert (caught.value.extra["line"], caught.value.extra["column"]) == (line, column)
    assert f"line {line}, column {column}" in caught.value.detail


def test_says_where_the_bytes_stop_being_utf_8() -> None:
    with pytest.raises(InvalidJSON, match=r"UTF-8 \(line 2, column 3\)"):
        read_json('["ä",\n "'.encode() + b"\xff\xfe")


def test_refuses_a_name_that_stands_twice() -> None:
    with pytest.raises(InvalidJSON, match="'mode' stands twice"):
        read_json(b'{"mode": "auto", "input": {}, "mode": "manual"}')


@pytest.mark.parametrize("text", ["1e999", "-1e999", "[1e400]"])
def test_refuses_a_number_that_would_become_infinite(text: str) -> None:
    with pytest.raises(Unprocessable, match="too large"):
        read_json(text.encode())


def test_names_the_limit_of_digits() -> None:
    with pytest.raises(Unprocessable, match="4300"):
        read_json(b"9" * 5000)


def test_refuses_half_of_a_surrogate_pair() -> None:
    with pytest.raises(Unprocessable, match="surrogate"):
        read_json(rb'{"a": "\ud800"}')


def test_reads_the_deepest_value_that_is_allowed() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(read_json(text.encode())) == text


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_names_the_limit_of_depth(depth: int, opening: str, closing: str) -> None:
    with pytest.raises(Unprocessable, match=str(MAX_DEPTH)):
        read_json((opening * depth + "1" + closing * depth).encode())
