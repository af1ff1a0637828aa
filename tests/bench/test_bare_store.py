"""The ceiling of the store is no lower than what it stands for: it commits what the engine does."""

from typing import Any
from uuid import UUID

import pytest

from lib import dsl, engine, store
from lib.calls.functions import names
from tests.bench import bare_store, ours

pytestmark = pytest.mark.anyio


async def told(run_id: UUID) -> dict[str, Any]:
    """All that a run leaves behind, but for its times."""
    run = await store.get_run(run_id)
    events = [(event.seq, event.type, event.data) for event in await store.list_events(run_id, after=0, limit=100)]
    steps = [step.to_json() for step in await store.list_steps(run_id, after=None, limit=100)]
    for step in steps:
        del step["started_at"], step["finished_at"]
    return {"status": run.status, "output": run.result, "events": events, "steps": steps}


async def test_it_commits_what_the_engine_commits(database: str):
    compiled = dsl.compile_document(ours.DOCUMENT, functions=names())
    about = (compiled.namespace, compiled.name, compiled.version)
    workflow, _ = await store.publish_workflow(*about, ours.DOCUMENT, compiled.type, compiled.hash)
    bare, _ = await store.start_run(workflow.id, {}, "auto")
    await bare_store.drain(10)
    swept, _ = await store.start_run(workflow.id, {}, "auto")
    await engine.sweep(None)
    await engine.close()
    assert await told(bare.id) == await told(swept.id)
