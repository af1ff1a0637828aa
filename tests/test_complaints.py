"""What is said of a wrong value: in the words of JSON, and without a name of ours."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from lib.calls import asking, memory
from lib.complaints import list_complaints, sum_up
from lib.http import bodies


class Inner(BaseModel):
    """Stands in another."""

    many: Annotated[list[int], Field(max_length=2)] = []
    even: int = 0

    @field_validator("even")
    @classmethod
    def check(cls, value: int) -> int:
        """A rule of its own."""
        if value % 2:
            raise ValueError("must be even")
        return value


@dataclass
class Pair:
    """A class that pydantic knows how to fill."""

    left: int


class Opaque:
    """A class that it does not."""


def complaints(kind: Any, value: Any, *, strict: bool = True) -> list[str]:
    config = ConfigDict(arbitrary_types_allowed=True, strict=strict)
    with pytest.raises(ValidationError) as caught:
        create_model("Holder", value=(kind, ...), __config__=config).model_validate({"value": value})
    return [said for _, said in list_complaints(caught.value)]


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Inner, [], "Input should be an object"),
        (Pair, "x", "Input should be an object"),
        (dict[str, int], 1, "Input should be an object"),
        (list[int], {}, "Input should be a list"),
        (tuple[int, int], 1, "Input should be a list"),
        (set[int], 1, "Input should be a list"),
        (str, 1, "Input should be a string"),
        (int, "x", "Input should be a whole number"),
        (float, "x", "Input should be a number"),
        (bool, 3, "Input should be true or false"),
        (None, 3, "Input should be null"),
        (Opaque, {}, "JSON has no value for this"),
        (Inner, {"even": 3}, "Must be even"),
        (Inner, {"many": [1, 2, 3]}, "There should be at most 2 of these, not 3"),
    ],
)
def test_says_what_is_wanted_in_the_words_of_json(kind: Any, value: Any, said: str) -> None:
    assert complaints(kind, value, strict=kind is not Pair) == [said]


def test_a_number_with_a_fraction_is_no_whole_number_and_words_are_no_decimal() -> None:
    assert complaints(int, 1.5, strict=False) == ["Input should be a whole number"]
    assert complaints(Decimal, {}, strict=False) == ["Input should be a number, or a string that holds one"]
    assert complaints(UUID, 1, strict=False) == ["Input should be a string"]
    assert complaints(Path, 1, strict=False) == ["Input should be a string"]


def test_a_line_names_each_place_and_the_root_as_it_stands_in_a_document() -> None:
    with pytest.raises(ValidationError) as caught:
        memory.Documents.model_validate({"collection": "a", "documents": [{"txt": "x"}]})
    assert (
        sum_up(caught.value) == "documents.0.text: This is missing; documents.0.txt: Nothing of this name is taken here"
    )
    with pytest.raises(ValidationError) as caught:
        memory.Recall.model_validate("x")
    assert sum_up(caught.value) == "with: Input should be an object"


def models() -> Iterator[type[BaseModel]]:
    for module in (bodies, memory, asking):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value is not BaseModel:
                yield value


WRONG: list[Any] = [None, True, 1, 1.5, "s3cret", "", [], ["s3cret"], {}, {"s3cret": 1}]


@pytest.mark.parametrize("model", list(models()), ids=lambda model: model.__name__)
def test_no_body_however_wrong_is_told_a_name_of_ours_or_its_own_values(model: type[BaseModel]) -> None:
    names = re.compile(r"instance|dictionary|Value error|validation|object to extract|s3cret|None|_type|[a-z]\.[A-Z]")
    bodies_ = [*WRONG, *({name: value} for name in model.model_fields for value in WRONG)]
    heard = set()
    for body in bodies_:
        try:
            model.model_validate(body)
        except ValidationError as exc:
            heard |= {said for _, said in list_complaints(exc)}
    assert heard
    assert [said for said in heard if names.search(said) or model.__name__ in said] == []
