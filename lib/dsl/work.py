"""One transition in the making: an editable copy of a state that never touches the original."""

from collections.abc import Container
from typing import Any

from lib.dsl.document import Document, Task, Try
from lib.dsl.faults import Fault
from lib.dsl.moves import Completed, Event, Faulted, Outcome, Transition
from lib.dsl.scope import View
from lib.dsl.state import Frame, State

EVENT = "io.serverlessworkflow."
# The types of a task's events, put together once.
TASK_EVENTS = {
    what: f"{EVENT}task.{what}.v1" for what in ("started", "retried", "consumed", "completed", "faulted", "cancelled")
}
# A loop of pure tasks must not flood the history: of each, only so many visits are told.
TOLD_VISITS = 100


class Work(View):
    """`frames` is a copy of the map; a frame is copied the first time it is edited."""

    def __init__(self, document: Document, state: State, now: int, budget: int) -> None:
        super().__init__(document, state, state.context)
        self._before = state.frames
        self.frames: dict[int, Frame] = dict(state.frames)
        self.visits = dict(state.visits)
        self.now = now
        self.budget = budget
        self.next_id = state.next_id
        self.pure = state.pure
        self.ready = [*state.ready]  # a queue, but a short one: no more than the tasks of a document
        self.outcome: Outcome | None = None
        self.failed_id: int | None = None
        self.opened: list[int] = []
        self.cancelled: list[int] = []
        self.events: list[Event] = []
        self.emitted: list[dict[str, Any]] = []
        self.consumed: list[int] = []

    def task_of(self, frame: Frame) -> Task:
        """The node that this frame is about."""
        return self.document.tasks[frame["task"]]

    def next_visit(self, task: Task) -> int:
        """Which visit of the task begins if it is entered now, from 1 on."""
        return self.visits.get(task.reference, 0) + 1

    def count_visit(self, frame: Frame) -> None:
        """Notes the frame's visit, where another can follow: in a document without loops the state does not grow."""
        if frame["task"] in self.document.repeated:
            self.visits[frame["task"]] = frame["visit"]

    def parent_of(self, frame: Frame) -> Frame | None:
        """The frame that this one is in; None for the workflow's own."""
        return None if frame["parent"] is None else self.frames[frame["parent"]]

    def keep(self, frame: Frame) -> Frame:
        """Files a frame that stays open, under a number that was never used before."""
        frame["id"] = self.next_id
        self.frames[self.next_id] = frame
        self.next_id += 1
        return frame

    def edit(self, frame: Frame) -> Frame:
        """The same frame, safe to change."""
        id = frame.get("id")
        if id is None:
            return frame
        mine = self.frames[id]
        if mine is self._before.get(id):
            mine = self.frames[id] = mine.copy()
        return mine

    def drop(self, frame: Frame) -> None:
        """Forgets a frame that has ended."""
        if "id" in frame:
            del self.frames[frame["id"]]

    def below(self, frame: Frame) -> list[Frame]:
        """All open frames inside this one; a frame's number is above its parent's, so outer come first."""
        inside = {frame["id"]}
        found = []
        for id in sorted(self.frames):
            if self.frames[id]["parent"] in inside:
                inside.add(id)
                found.append(self.frames[id])
        return found

    def tries_around(self, frame: Frame) -> list[Frame]:
        """The open `try` frames that this frame is in, from the inside out."""
        found: list[Frame] = []
        outer = self.parent_of(frame)
        while outer is not None:
            if isinstance(self.task_of(outer).body, Try):
                found.append(outer)
            outer = self.parent_of(outer)
        return found

    def cancel_below(self, frame: Frame, told: Container[int] = ()) -> None:
        """Drops everything inside a frame; what was under way and not yet told of is told as cancelled."""
        for inner in reversed(self.below(frame)):
            self.cancel_effect(inner)
            if inner["id"] not in told:
                self.tell("cancelled", inner)
            self.drop(inner)

    def cancel_effect(self, frame: Frame) -> None:
        """Closes a frame's effect, if it has an open one."""
        if frame.get("open"):
            self.edit(frame)["open"] = False
            self.cancelled.append(frame["id"])

    def tell(self, what: str, frame: Frame, *, always: bool = False, **data: Any) -> None:
        """Records an event of the frame's task, unless a loop has told enough of them."""
        if frame["parent"] is None:
            self.tell_run(what, **data)
            return
        task = self.task_of(frame)
        if not task.silent and (frame["visit"] <= TOLD_VISITS or always or task.lasting):
            known: dict[str, Any] = {"task": task.reference, "visit": frame["visit"]}
            if "attempt" in frame:
                known["attempt"] = frame["attempt"]
            if data:
                known.update(data)
            self.events.append(Event(TASK_EVENTS[what], known))

    def tell_run(self, what: str, **data: Any) -> None:
        """Records an event of the workflow itself."""
        document = self.document
        named = {"namespace": document.namespace, "name": document.name, "version": document.version}
        self.events.append(Event(f"{EVENT}workflow.{what}.v1", {"workflow": named, **data}))

    def transition(self) -> Transition:
        """The finished transition."""
        ready = tuple(self._still_ready()) if self.ready else ()
        outcome = None if self.outcome is None else _write(self.outcome, self.failed_id)
        # by position, not by name: of the records that each step makes anew, these are the longest
        state = State(
            self.run_id,
            self.started,
            self.input,
            self.frames,
            self.visits,
            self.context,
            ready,
            self.next_id,
            self.pure,
            outcome,
        )
        return Transition(
            state,
            tuple(self.opened),
            tuple(self._cancelled_before()) if self.cancelled else (),
            tuple(self.events),
            self.outcome,
            bool(ready) and outcome is None,
            tuple(self.emitted),
            tuple(self.consumed),
        )

    def _still_ready(self) -> list[int]:
        """The frames that were left in the queue, each once, but for those that have ended meanwhile."""
        return [id for id in dict.fromkeys(self.ready) if "next" in self.frames.get(id, ())]

    def _cancelled_before(self) -> list[int]:
        """The cancelled effects but for those that were opened in here: nobody has heard of them."""
        new = set(self.opened)
        return [id for id in self.cancelled if id not in new]


def _write(outcome: Outcome, failed_id: int | None) -> dict[str, Any]:
    if isinstance(outcome, Completed):
        return {"output": outcome.output}
    return {"fault": outcome.fault.to_json(), "frame": failed_id}


def read_outcome(state: State) -> Outcome | None:
    """How the run ended, if it has."""
    if state.outcome is None:
        return None
    if "fault" in state.outcome:
        return Faulted(Fault.from_json(state.outcome["fault"]))
    return Completed(state.outcome["output"])
