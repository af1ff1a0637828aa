"""The user's own functions: found by name, checked before they run, told about their effect if they ask."""

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from lib import calls, dsl
from lib.calls import functions
from lib.calls.context import CallContext
from lib.calls.functions import function
from lib.dsl import faults
from lib.dsl.faults import STANDARD, Fault
from tests.calls.conftest import CONTEXT
from tests.documents import document

pytestmark = pytest.mark.anyio


class Pet(BaseModel):
    name: str
    born: datetime


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    functions.load()
    monkeypatch.setattr(functions, "_functions", dict(functions._functions))


async def call(name: str, **arguments: Any) -> Any:
    return await calls.run(name, arguments, CONTEXT)


async def test_the_example_in_the_folder_is_found() -> None:
    assert "slug" in functions.names()
    assert await call("slug", text="Ünder the Sea!") == "under-the-sea"


async def test_async_and_plain_functions_run_the_plain_one_in_a_thread() -> None:
    @function
    async def later(a: int, *, b: int = 2) -> int:
        await asyncio.sleep(0)
        return a + b

    @function
    def elsewhere() -> bool:
        return threading.current_thread() is not threading.main_thread()

    assert await call("later", a=1) == 3
    assert await call("elsewhere") is True


async def test_parameters_and_results_are_what_they_are_annotated_as() -> None:
    @function
    def adopt(pet: Pet, context: CallContext) -> dict[str, Any]:
        assert isinstance(pet.born, datetime)
        return {"pet": pet, "key": context.idempotency_key, "at": datetime(2024, 1, 1, tzinfo=UTC)}

    born = "2020-05-01T00:00:00Z"
    assert await call("adopt", pet={"name": "Milou", "born": born}) == {
        "pet": {"name": "Milou", "born": born},
        "key": CONTEXT.idempotency_key,
        "at": "2024-01-01T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "pet"),
        ({"pet": {"name": 1, "born": "s3cret"}}, "pet.born"),
        ({"pet": {}, "more": 1}, "more"),
        ({"context": 1}, "context"),
    ],
)
async def test_wrong_arguments_are_named_and_their_values_are_not(arguments, named) -> None:
    @function
    def adopt(pet: Pet, context: CallContext) -> None:
        raise AssertionError("never called")

    with pytest.raises(Fault, match=rf"\b{named}: ") as caught:
        await call("adopt", **arguments)
    assert caught.value.type == STANDARD + "validation"
    assert "s3cret" not in str(caught.value)


async def test_what_a_function_raises_is_the_tasks_error() -> None:
    @function
    def break_() -> None:
        raise KeyError("gone")

    @function
    def refuse() -> None:
        raise faults.communication("not today", 503)

    @function
    def strange() -> object:
        return object()

    with pytest.raises(Fault, match="KeyError: 'gone'") as caught:
        await call("break_")
    assert caught.value.status == 500
    with pytest.raises(Fault, match="not today") as caught:
        await call("refuse")
    assert caught.value.status == 503
    with pytest.raises(Fault, match="strange"):
        await call("strange")


def test_names_that_are_taken_and_parameters_without_names_are_refused() -> None:
    def http() -> None: ...

    def script() -> None: ...

    def every(*values: int) -> None: ...

    def slug() -> None: ...

    for refused, why in ((http, "language"), (script, "language"), (every, "without a name"), (slug, "two functions")):
        with pytest.raises(ValueError, match=why):
            function(refused)


def test_a_document_may_call_what_is_at_hand_and_nothing_else() -> None:
    definition = document([{"a": {"call": "slug", "with": {"text": "${ $secrets.a }"}}}], use={"secrets": ["a"]})
    assert dsl.compile_document(definition, functions=frozenset(functions.names()))
    with pytest.raises(Exception, match="not valid"):
        dsl.compile_document(definition)
