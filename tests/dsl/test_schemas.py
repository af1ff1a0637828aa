"""Schemas describe values; they fetch nothing and their patterns end."""

from typing import Any

import pytest

from lib.dsl.schemas import SHOWN_PROBLEMS, SchemaError, compile_schema


def test_says_where_and_why_a_value_does_not_fit():
    properties = {"a/b": {"type": "integer"}, "c": {"items": {"minimum": 3}}}
    schema = compile_schema({"document": {"properties": properties, "required": ["id"]}})
    assert schema.errors({"id": 1}) == []
    assert schema.errors({"a/b": "x", "c": [5, 1]}) == [
        {"pointer": "", "detail": '"id" is a required property'},
        {"pointer": "/a~1b", "detail": '"x" is not of type "integer"'},
        {"pointer": "/c/1", "detail": "1 is less than the minimum of 3"},
    ]


def test_an_older_draft_may_be_named():
    draft_4 = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True}
    assert compile_schema({"format": "json:draft-04", "document": draft_4}).errors(3) != []


def test_shows_the_first_problems_and_cuts_long_ones():
    schema = compile_schema({"document": {"items": {"type": "integer"}}})
    found = schema.errors(["x" * 1000] * 1000)
    assert len(found) == SHOWN_PROBLEMS
    assert all(len(problem["detail"]) < 400 for problem in found)


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ({}, "a schema needs a `document`, the JSON Schema itself, or a `resource` to fetch it from"),
        ({"document": 3}, 'the schema cannot be used: 3 is not of types "boolean", "object"'),
        ({"document": {"pattern": "("}}, 'the schema cannot be used: /pattern: "(" is not a "regex"'),
        ({"document": {"$ref": "#/$defs/x"}}, "the schema cannot be used: Pointer '/$defs/x' does not exist"),
        ({"format": "avro", "document": {}}, "the schema format 'avro' is not known: use `json`"),
        *(
            (
                {"document": {"$ref": uri}},
                f"the schema cannot be used: {uri} is not part of the schema, and references are not fetched",
            )
            for uri in ("https://x.test/s.json", "http://169.254.169.254/latest", "file:///etc/passwd")
        ),
    ],
)
def test_refuses_a_schema_that_cannot_be_used(definition: Any, sentence: str):
    with pytest.raises(SchemaError) as refusal:
        compile_schema(definition)
    assert str(refusal.value) == sentence


def test_a_pattern_that_would_take_for_ever_is_given_up():
    schema = compile_schema({"document": {"pattern": "^(a|a|aa)+(?=c)$"}})
    [problem] = schema.errors("a" * 60)
    assert "backtracking" in problem["detail"]
