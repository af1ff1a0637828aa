"""What a run grows to is bounded, to the byte: at the limit it goes on, past it it fails and is told the number."""

from typing import Any

import pytest

from lib import dsl, store
from lib.dsl.limits import EVENT_NAME_BYTES
from lib.engine import hold
from lib.engine.effects import LARGEST_OUTPUT_BYTES
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.documents import document
from tests.history import sql

pytestmark = pytest.mark.anyio

NAP = [{"nap": {"wait": {"days": 1}}}]


async def run(tasks: list[dict[str, Any]], run_input: Any = None) -> Any:
    """A run, after one sweep."""
    definition = document(tasks)
    compiled = dsl.compile_document(definition, functions=("slug",))
    about = (compiled.namespace, compiled.name, compiled.version)
    workflow, _ = await store.publish_workflow(*about, definition, compiled.type, compiled.hash)
    started, _ = await store.start_run(workflow.id, run_input or {}, "auto")
    await sweep_all(Reactor(), None)
    return await store.get_run(started.id)


async def test_a_calls_output_has_so_many_bytes_and_no_more(database: str):
    tasks = [{"make": {"call": "slug", "with": {"text": "${ .text }", "longest": LARGEST_OUTPUT_BYTES}}}]
    quotes = 2
    fits = await run(tasks, {"text": "x" * (LARGEST_OUTPUT_BYTES - quotes)})
    assert fits.status == "completed"
    passes = await run(tasks, {"text": "x" * (LARGEST_OUTPUT_BYTES - quotes + 1)})
    assert passes.status == "failed"
    said = f"The call's output has {LARGEST_OUTPUT_BYTES + 1} bytes; the limit is {LARGEST_OUTPUT_BYTES}."
    assert passes.error["detail"] == said


async def test_a_state_has_so_many_bytes_and_no_more(database: str, monkeypatch: pytest.MonkeyPatch):
    run_input = {"text": "é" * 1000}
    await run(NAP, run_input)
    [(state, beside)] = await sql(
        "select octet_length(r.state::text) + octet_length(r.state_base::text), octet_length(k.value::text)"
        " from ratchet.runs r join ratchet.kept_values k on k.run_id = r.id"
    )
    size = state + beside
    monkeypatch.setattr(hold, "LARGEST_STATE_BYTES", size)
    assert (await run(NAP, run_input)).status == "waiting"
    monkeypatch.setattr(hold, "LARGEST_STATE_BYTES", size - 1)
    passes = await run(NAP, run_input)
    assert passes.status == "failed"
    assert passes.error["detail"] == f"The run's data has grown to {size} bytes; the limit is {size - 1}."


@pytest.mark.parametrize("name", ["source", "type", "id"])
async def test_the_names_of_an_event_that_a_run_emits_have_so_many_bytes_and_no_more(database: str, name: str):
    about = {"source": "/shop", "type": "sold", name: "${ .name }"}
    tasks = [{"tell": {"emit": {"event": {"with": about}}}}]
    assert (await run(tasks, {"name": "é" * (EVENT_NAME_BYTES // 2)})).status == "completed"
    passes = await run(tasks, {"name": "é" * (EVENT_NAME_BYTES // 2) + "x"})
    assert passes.status == "failed"
    assert f"{EVENT_NAME_BYTES} bytes" in passes.error["detail"]
