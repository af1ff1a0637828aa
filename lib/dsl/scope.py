"""What an expression can see: the arguments the DSL promises, loop variables and caught errors."""

from collections.abc import Iterable, Mapping
from typing import Any

from lib import VERSION
from lib.dsl import faults, instants
from lib.dsl.document import Consume, Document, Extended, For, Task, Try
from lib.dsl.expressions import ARGUMENTS, Template
from lib.dsl.state import Frame, State

RUNTIME = {"name": "ratchet", "version": VERSION, "metadata": {}}
NOTHING: Mapping[str, Any] = {}


class View:
    """A run as expressions look at it, in the context of its state or in another one."""

    def __init__(self, document: Document, state: State, context: Any) -> None:
        self.document = document
        self.run_id = state.run_id
        self.started = state.started
        self.input = state.input
        self.frames = state.frames
        self.context = context
        # the frame of a call that was just answered, and how it had authenticated
        self.authorization: tuple[int, Any] | None = None

    def evaluate(self, template: Template, frame: Frame, value: Any, extra: Mapping[str, Any] = NOTHING) -> Any:
        """The template's result on `value`, seen from this frame; `extra` names win."""
        return template.evaluate(value, self.variables(template.names, frame, extra))

    def holds(self, template: Template, frame: Frame, value: Any, extra: Mapping[str, Any] = NOTHING) -> bool:
        """Whether a condition is met; as in jq, everything but false and null is true."""
        result = self.evaluate(template, frame, value, extra)
        return result is not None and result is not False

    def variables(self, names: Iterable[str], frame: Frame, extra: Mapping[str, Any]) -> dict[str, Any]:
        """The named variables and no others, because each one costs its whole size to pass on."""
        found: dict[str, Any] = {}
        for name in names:
            if name in extra:
                found[name] = extra[name]
            elif name in ARGUMENTS:
                found[name] = self._argument(name, frame)
            else:
                self._find(name, frame, found)
        return found

    def _argument(self, name: str, frame: Frame) -> Any:
        match name:
            case "context":
                return self.context
            case "input":
                return frame.get("input", frame["raw"])
            case "task":
                return self._describe(frame)
            case "workflow":
                return {
                    "id": self.run_id,
                    "definition": self.document.definition,
                    "input": self.input,
                    "startedAt": instants.describe(self.started),
                }
            case "runtime":
                return RUNTIME
            case "secrets":
                raise faults.authorization("$secrets can be read in the arguments of a call only")
            case "authorization" if self.authorization is not None and frame.get("id") == self.authorization[0]:
                return self.authorization[1]
            case _:  # $output and $authorization, where there are none
                return None

    def _describe(self, frame: Frame) -> dict[str, Any]:
        """The task, or the one that is extended, together with all that its definition says."""
        outer: Frame | None = frame
        while outer is not None:
            body = self.document.tasks[outer["task"]].body
            if isinstance(body, Extended) and outer.get("step") != body.position:
                definition: dict[str, Any] = body.task.definition
                return {**definition, **self._descriptor(body.task, outer, outer.get("result"))}
            outer = None if outer["parent"] is None else self.frames[outer["parent"]]
        return self._descriptor(self.document.tasks[frame["task"]], frame, frame.get("output"))

    @staticmethod
    def _descriptor(task: Task, frame: Frame, output: Any) -> dict[str, Any]:
        return {
            "name": task.name,
            "reference": task.reference,
            "definition": task.definition,
            "input": frame["raw"],
            "output": output,
            "startedAt": instants.describe(frame["started"]),
        }

    def _find(self, name: str, frame: Frame, found: dict[str, Any]) -> None:
        """Looks for a loop variable or a caught error, from the inside out."""
        inner: Frame | None = frame
        while inner is not None:
            body = self.document.tasks[inner["task"]].body
            if isinstance(body, For) and name in (body.each, body.at) and "at" in inner:
                found[name] = inner["items"][inner["at"]] if name == body.each else inner["at"]
                return
            if isinstance(body, Consume) and name in (body.each, body.at) and inner.get("queue"):
                found[name] = inner["queue"][0] if name == body.each else inner["at"]
                return
            if isinstance(body, Try) and name == body.catch.variable and "error" in inner:
                found[name] = inner["error"]
                return
            inner = None if inner["parent"] is None else self.frames[inner["parent"]]
