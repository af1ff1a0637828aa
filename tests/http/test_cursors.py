"""Cursors survive the way out and back, and nothing else is one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import BadRequest
from lib.http.cursors import read_cursor, write_cursor


@given(st.lists(st.integers() | st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_reads_back_what_it_wrote(place: list[int | str]) -> None:
    text = write_cursor(*place)
    assert re.fullmatch(r"[\w-]+", text, re.ASCII)
    assert read_cursor(text, *map(type, place)) == place


@given(st.text(max_size=60))
def test_refuses_junk(text: str) -> None:
    with pytest.raises(BadRequest):
        read_cursor(text, str, int, str)


@pytest.mark.parametrize(
    "text",
    ["", "x", "====", "ä", write_cursor(1), write_cursor("a", "b"), write_cursor(True), "W1tbW1tbW1tb" * 9999],
)
def test_refuses_a_cursor_of_another_list(text: str) -> None:
    with pytest.raises(BadRequest, match="cursor"):
        read_cursor(text, str)
