"""What the engine's tests share: a way to publish and start, reactors of one's own."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from lib import dsl, store
from lib.engine.reactor import Reactor
from tests.conftest import Configure

type StartRun = Callable[..., Awaitable[UUID]]


@pytest.fixture
def start(database: str, configure: Configure) -> StartRun:
    """Publish a document (once) and start a run of it; answers the run's id."""
    configure(RATCHET_ALLOW_ADDRESSES="loopback")

    async def start_run(definition: dict[str, Any], run_input: Any = None, mode: str = "auto") -> UUID:
        document = dsl.compile_document(definition)
        workflow, _ = await store.publish_workflow(
            document.namespace, document.name, document.version, definition, document.type, document.hash
        )
        run, _ = await store.start_run(workflow.id, run_input if run_input is not None else {}, mode)
        return run.id

    return start_run


@pytest.fixture
async def reactor(database: str) -> Reactor:
    """A reactor of the test's own: two of them are two function instances."""
    return Reactor()
