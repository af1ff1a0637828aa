"""A run as far as its stream has told: one line per task, and the run's own end."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from lib.dev.errors import DevError

EVENT = "io.serverlessworkflow."


@dataclass
class TaskProgress:
    """How one task is doing: `count` is how often it has completed, `faults` what went wrong on the way."""

    name: str
    status: str = "started"
    count: int = 0
    faults: list[str] = field(default_factory=list)
    since: datetime | None = None
    seconds: float = 0.0


@dataclass
class RunProgress:
    """How one run is doing; `take` is fed with the stream's frames."""

    workflow: str
    run: dict[str, Any]
    tasks: dict[str, TaskProgress] = field(default_factory=dict)
    ended: bool = False

    @property
    def leaves(self) -> list[TaskProgress]:
        """The tasks that do something themselves, in the order they were first heard of."""
        references = list(self.tasks)
        return [
            task
            for reference, task in self.tasks.items()
            if not any(other.startswith(reference + "/") for other in references)
        ]

    def take(self, frame: dict[str, Any]) -> list[TaskProgress]:
        """Go on by one frame; answers the tasks that it changed."""
        if frame["type"] == "complete":
            self.ended = True
        elif frame["type"] == "error":
            raise DevError(f"The stream of {self.workflow} failed: {frame['error']}")
        elif frame["type"] == "update":
            self.run = frame["run"]
            changed = [self._take_event(event) for event in frame["events"]]
            return list({id(task): task for task in changed if task}.values())
        return []

    def _take_event(self, event: dict[str, Any]) -> TaskProgress | None:
        kind = event["type"].removeprefix(EVENT).removesuffix(".v1")
        if not kind.startswith("task."):
            return None
        status, data = kind.removeprefix("task."), event["data"]
        reference = data["task"]
        task = self.tasks.setdefault(reference, TaskProgress(reference.rsplit("/", 1)[-1]))
        at = datetime.fromisoformat(event["created_at"])
        if status == "started" or task.since is None:
            task.since = at
        task.status = status
        if status == "completed":
            task.count += 1
            task.seconds += (at - task.since).total_seconds()
        elif status == "faulted":
            task.faults.append(str(data["error"]["status"]))
        return task


async def follow(client: httpx.AsyncClient, run_id: str) -> AsyncIterator[dict[str, Any]]:
    """The frames of a run's stream until it is complete, across however many connections that takes."""
    seen = ""
    while True:
        headers = {"last-event-id": seen} if seen else {}
        async with client.stream("GET", f"/runs/{run_id}/stream", headers=headers, timeout=None) as response:
            if response.status_code != httpx.codes.OK:
                raise DevError(f"GET /runs/{run_id}/stream answered {response.status_code}.")
            async for line in response.aiter_lines():
                field_name, _, value = line.partition(": ")
                if field_name == "id":
                    seen = value
                elif field_name == "data":
                    frame: dict[str, Any] = json.loads(value)
                    yield frame
                    if frame["type"] == "complete":
                        return
