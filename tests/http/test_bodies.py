"""The bodies' models, and what they say about a wrong body."""

from typing import Any

import pytest

from lib.errors import Unprocessable
from lib.http.bodies import WorkflowRow, read_model
from lib.http.pointers import write_pointer
from lib.http.start_body import read_start


@pytest.mark.parametrize(("body", "expected"), [({}, {}), ({"input": None}, None), ({"input": [1]}, [1])])
def test_an_input_is_any_json_and_an_empty_object_by_default(body: Any, expected: Any) -> None:
    assert read_start(body).input == expected


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"mode": "fast"}, ["/mode"]),
        ({"mode": None}, ["/mode"]),
        ({"inputs": {}}, ["/inputs"]),
        ({"a/b~c": 1, "mode": 1}, ["/mode", "/a~1b~0c"]),
        ([], [""]),
        (None, [""]),
    ],
)
def test_points_at_everything_that_is_wrong(body: Any, pointers: list[str]) -> None:
    with pytest.raises(Unprocessable) as caught:
        read_start(body)
    assert [error["pointer"] for error in caught.value.extra["errors"]] == pointers


def test_never_repeats_what_was_sent() -> None:
    with pytest.raises(Unprocessable) as caught:
        read_model(WorkflowRow, {"name": 1, "definition": "s3cret"})
    assert "s3cret" not in str(caught.value.problem("/"))


def test_pointers_are_escaped() -> None:
    assert write_pointer(("a", 0, "b/c~d")) == "/a/0/b~1c~0d"
