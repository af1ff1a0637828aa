"""A document's shape as Mermaid text: its tasks as nodes, its scopes as subgraphs, its ways as labelled edges.

Ids are ours and every label is escaped, so nothing a document says can change the drawing around it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.dsl.captions import Task, bare, describe, describe_retry, escape, list_filters, list_limits, list_starts, quote
from lib.dsl.document import KINDS

BEGIN, FINISH = "begin", "finish"
_SHAPES = {
    "call": ("[[", "]]"),
    "choice": ("{", "}"),
    "emit": (">", "]"),
    "fork": ("((", "))"),
    "listen": ("[/", "/]"),
    "raise": ("{{", "}}"),
    "run": ("[[", "]]"),
    "wait": ("([", "])"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """An edge that still looks for its end; without a `directive`, its task's `then` says where it leads."""

    node: str
    label: str = ""
    directive: str | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn already: where it is entered, and the ways out of it."""

    entry: str
    ways: tuple[Way, ...]


def draw(definition: Mapping[str, Any]) -> str:
    """The flowchart of a valid definition; functions and extensions are named, not drawn."""
    drawing = _Drawing()
    drawing.lines.append(f"{BEGIN}{quote('((', '))', ['start', *list_starts(definition.get('schedule') or {})])}")
    body = drawing.tasks(definition["do"])
    drawing.lines.append(f"{FINISH}{quote('(((', ')))', ['end'])}")
    drawing.join([Way(BEGIN)], body.entry if body else FINISH)
    drawing.join(body.ways if body else (), FINISH)
    return "\n  ".join(["flowchart TD", *drawing.lines, *drawing.edges]) + "\n"


@dataclass(slots=True)
class _Drawing:
    """Nodes and subgraphs in order, and then the edges: an edge inside a subgraph would pull its ends into it."""

    lines: list[str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    count: int = 0

    def node(self, shape: str, *texts: str) -> str:
        """A new node."""
        id = self._id("n")
        self.lines.append(f"{id}{quote(*_SHAPES.get(shape, ('[', ']')), texts)}")
        return id

    def open(self, *texts: str) -> str:
        """A new subgraph, until `close`."""
        id = self._id("s")
        self.lines.append(f"subgraph {id}{quote('[', ']', texts)}")
        return id

    def close(self) -> None:
        """Ends the innermost subgraph."""
        self.lines.append("end")

    def join(self, ways: Iterable[Way], target: str, line: str = "-->") -> None:
        """Leads the ways to a node."""
        for way in ways:
            label = f'|"{escape(way.label)}"|' if way.label else ""
            self.edges.append(f"{way.node} {line}{label} {target}")

    def tasks(self, items: list[dict[str, Task]]) -> Drawn | None:
        """A list of tasks, each leading to the next one or wherever its `then` says; None: an empty list."""
        named = [(name, task) for item in items for name, task in item.items()]
        drawn = [self.task(name, task) for name, task in named]
        entries = {name: one.entry for (name, _), one in zip(named, drawn, strict=True)}
        leaving: list[Way] = []
        for position, ((_, task), one) in enumerate(zip(named, drawn, strict=True)):
            following = drawn[position + 1].entry if position + 1 < len(drawn) else "exit"
            for way in one.ways:
                directive = way.directive or task.get("then", "continue")
                target = {"continue": following, "exit": "exit", "end": FINISH}.get(directive) or entries[directive]
                if target == "exit":
                    leaving.append(Way(way.node, way.label))
                else:
                    self.join([way], target)
        return Drawn(drawn[0].entry, tuple(leaving)) if drawn else None

    def task(self, name: str, task: Task) -> Drawn:
        """One task; its `if` is a choice before it."""
        kind = next(kind for kind in KINDS if kind in task)
        if "if" not in task:
            return _DRAW.get(kind, _Drawing.plain)(self, name, task, kind)
        choice = self.node("choice", f"if {bare(task['if'])}")
        drawn = _DRAW.get(kind, _Drawing.plain)(self, name, task, kind)
        self.join([Way(choice, "yes")], drawn.entry)
        return Drawn(choice, (*drawn.ways, Way(choice, "no", "continue")))

    def plain(self, name: str, task: Task, kind: str) -> Drawn:
        """A task without tasks inside."""
        node = self.node(kind, name, describe(kind, task), *list_limits(task))
        return Drawn(node, () if kind == "raise" else (Way(node),))

    def switch(self, name: str, task: Task, kind: str) -> Drawn:
        """One labelled way per case; without a default case, the task's own `then` is another one."""
        node = self.node("choice", name)
        cases = [(label, case) for item in task[kind] for label, case in item.items()]
        ways = [Way(node, bare(case.get("when", label)), case["then"]) for label, case in cases]
        if all("when" in case for _, case in cases):
            ways.append(Way(node, "else"))
        return Drawn(node, tuple(ways))

    def do(self, name: str, task: Task, kind: str) -> Drawn:
        """A sequence of its own."""
        if not task[kind]:
            return self.plain(name, task, kind)
        self.open(name, *list_limits(task))
        body = self.tasks(task[kind])
        self.close()
        assert body is not None  # noqa: S101 - the list is not empty
        return body

    def loop(self, name: str, task: Task, kind: str) -> Drawn:
        """A head that leads into the body and is come back to: `for`, and `listen` with tasks per event."""
        tasks = task["do"] if kind == "for" else (task.get("foreach") or {}).get("do")
        if not tasks:
            return self.plain(name, task, kind)
        self.open(name, *list_limits(task))
        head = self.node("choice" if kind == "for" else kind, describe(kind, task))
        body = self.tasks(tasks)
        self.close()
        if body:
            self.join([Way(head, "each" if kind == "for" else "each event")], body.entry)
            self.join(body.ways, head)
        return Drawn(head, (Way(head, "done"),))

    def fork(self, name: str, task: Task, kind: str) -> Drawn:
        """All branches between a fork and a join; a race goes on with the first."""
        self.open(name, *list_limits(task))
        start, end = self.node("fork", "fork"), self.node("fork", "first" if task[kind].get("compete") else "join")
        for item in task[kind].get("branches") or ():
            for label, branch in item.items():
                drawn = self.task(label, branch)
                self.join([Way(start)], drawn.entry)
                for way in drawn.ways:
                    ends = (way.directive or branch.get("then")) == "end"
                    self.join([way], FINISH if ends else end)
        self.close()
        return Drawn(start, (Way(end),))

    def attempt(self, name: str, task: Task, kind: str) -> Drawn:
        """What is tried as a subgraph that faults lead out of: to be tried again, handled or let go."""
        catch = task["catch"]
        self.open(name, *list_limits(task))
        tried = self.open("try")
        body = self.tasks(task[kind])
        if body is None:
            node = self.node("", "nothing")
            body = Drawn(node, (Way(node),))
        self.close()
        caught = self.node("choice", "catch", *list_filters(catch))
        handler = self.tasks(catch.get("do") or [])
        self.close()
        self.join([Way(tried, "fault")], caught, "-.->")
        if "retry" in catch:
            self.join([Way(caught, f"retry {describe_retry(catch['retry'])}".strip())], body.entry, "-.->")
        if handler:
            self.join([Way(caught, "handle" if "retry" not in catch else "give up")], handler.entry)
            return Drawn(body.entry, (*body.ways, *handler.ways))
        return Drawn(body.entry, body.ways if "retry" in catch else (*body.ways, Way(caught)))

    def _id(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"


_DRAW = {
    "do": _Drawing.do,
    "for": _Drawing.loop,
    "fork": _Drawing.fork,
    "listen": _Drawing.loop,
    "switch": _Drawing.switch,
    "try": _Drawing.attempt,
}
