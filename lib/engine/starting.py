"""A run begins as one pending row; nothing of it is done here."""

from typing import Any

from lib import store
from lib.store import Idempotency, Run


async def start(
    workflow_key: str, run_input: Any, mode: str, *, idempotency: Idempotency | None = None
) -> tuple[Run, bool]:
    """The pending run of the workflow named by this key, and whether it is an earlier answer again.

    Raises NotFound, IdempotencyInFlight, IdempotencyMismatch.
    """
    workflow = await store.find_workflow(workflow_key)
    return await store.start_run(workflow.id, run_input, mode, idempotency=idempotency)
