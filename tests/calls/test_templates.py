"""URI templates: the simple string expansion, no more."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lib.calls import targets
from lib.calls.templates import expand
from lib.dsl.faults import STANDARD, Fault

BASE = "https://pets.example"


@pytest.mark.parametrize(
    ("template", "variables", "expanded"),
    [
        ("/pet/{petId}", {"petId": 1}, "/pet/1"),
        ("/pet/{petId}", {"petId": "a/b?c#d e%ä"}, "/pet/a%2Fb%3Fc%23d%20e%25%C3%A4"),
        ("/pet/{petId}", {}, "/pet/"),
        ("/pet/{petId}", None, "/pet/"),
        ("/pet/{petId}", ["x"], "/pet/"),
        ("/pet/{petId}", {"petId": None}, "/pet/"),
        ("/pet/{petId}", {"petId": True}, "/pet/true"),
        ("/pet/{petId}", {"petId": 1.5}, "/pet/1.5"),
        ("/pet/{pet.id}", {"pet": {"id": 1}, "pet.id": 2}, "/pet/2"),
        ("/{a}{b}?q={a}", {"a": "{b}", "b": "x"}, "/%7Bb%7Dx?q=%7Bb%7D"),
        ("/pet?q={q}", {"q": ".."}, "/pet?q=.."),
        ("/a/../b", {}, "/a/../b"),
    ],
)
def test_expands(template: str, variables: object, expanded: str) -> None:
    assert expand(BASE + template, variables) == BASE + expanded


@pytest.mark.parametrize(
    ("template", "variables"),
    [
        ("/pet/{petId}", {"petId": {"a": 1}}),
        ("/pet/{petId}", {"petId": [1]}),
        ("/pet/{petId}", {"petId": "\ud800"}),
        ("/pet/{+petId}", {"petId": 1}),
        ("/pet{?petId}", {"petId": 1}),
        ("/pet/{}", {}),
        ("/pet/{petId}/delete", {"petId": ".."}),
        ("/pet/{petId}", {"petId": "."}),
        ("/pet/{a}{a}/x", {"a": "."}),
    ],
)
def test_refuses(template: str, variables: object) -> None:
    with pytest.raises(Fault) as caught:
        expand(BASE + template, variables)
    assert caught.value.type == STANDARD + "expression"
    assert caught.value.status == 400


@given(st.text(st.characters(codec="utf-8")))
def test_a_value_never_leaves_its_segment(value: str) -> None:
    assume(value not in (".", ".."))
    target = targets.read(expand(BASE + "/pet/{value}/name?of={value}", {"value": value}))
    assert target.origin == ("https", "pets.example", 443)
    assert target.path.split("/")[1::2] == ["pet", "name"]
    assert target.query.startswith("of=")
    assert not set("&=#") & set(target.query[3:])
