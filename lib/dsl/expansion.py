"""What functions and extensions add up to: a few lines can mean a million tasks, or endlessly many."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from lib.dsl import limits
from lib.dsl.arguments import RESERVED
from lib.dsl.document import EXTENDED, KINDS
from lib.dsl.expressions import escape

type Task = Mapping[str, Any]


class ExpansionError(ValueError):
    """The document means more tasks than may be; `pointer` says where it begins."""

    def __init__(self, pointer: str, sentence: str) -> None:
        super().__init__(sentence)
        self.pointer = pointer


class Extent(NamedTuple):
    """So many tasks, functions calling each other so deep, and the bytes of the longest reference from here on."""

    tasks: int
    depth: int
    bytes: int

    def under(self, section: str) -> "Extent":
        """The same, seen from where `section` leads there; nothing is nothing wherever it stands."""
        return self._replace(bytes=self.bytes + len(section.encode(errors="surrogatepass"))) if self.tasks else self


class Expansion:
    """Counts the tasks of a document that is well-formed, with all that functions and extensions add."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        use = definition.get("use") or {}
        self.do = definition["do"]
        self.functions: Mapping[str, Task] = use.get("functions") or {}
        self.extensions = [
            (f"/use/extensions/{position}/{escape(name)}", extension)
            for position, item in enumerate(use.get("extensions") or ())
            for name, extension in item.items()
        ]
        # of a function's task, with and without extensions
        self._known: dict[tuple[str, bool], Extent] = {}

    def check(self) -> None:
        """Raises ExpansionError if there are too many tasks, or no end to them, or no room for their references."""
        for name in self.functions:
            self._function(name, (), extended=True)
        extents = {
            pointer: self._task(task, (), extended=True).under(pointer) for pointer, task in _named(self.do, "/do")
        }
        if sum(extent.tasks for extent in extents.values()) > limits.EXPANDED_TASKS:
            sentence = f"with its functions and extensions, a document may have at most {limits.EXPANDED_TASKS} tasks"
            raise ExpansionError("/do", sentence)
        for pointer, extent in extents.items():
            if extent.bytes > limits.REFERENCE_BYTES:
                raise ExpansionError(pointer, limits.reference_sentence(extent.bytes))

    def _function(self, name: str, path: tuple[str, ...], *, extended: bool) -> Extent:
        pointer = f"/use/functions/{name}"
        if name in path:
            circle = " → ".join(f"`{other}`" for other in (*path[path.index(name) :], name))
            raise ExpansionError(pointer, f"the function calls itself: {circle}")
        if (name, extended) not in self._known:
            if len(path) >= limits.FUNCTION_DEPTH:
                raise ExpansionError(pointer, f"functions may call each other {limits.FUNCTION_DEPTH} levels deep")
            extent = self._task(self.functions[name], (*path, name), extended=extended)
            self._known[name, extended] = extent._replace(depth=extent.depth + 1)
        extent = self._known[name, extended]
        if len(path) + extent.depth > limits.FUNCTION_DEPTH:
            raise ExpansionError(pointer, f"functions may call each other {limits.FUNCTION_DEPTH} levels deep")
        return extent

    def _task(self, task: Task, path: tuple[str, ...], *, extended: bool) -> Extent:
        parts = [self._list(items, path, extended=extended).under(section) for section, items in _inside(task)]
        if task.get("call") in self.functions and task["call"] not in RESERVED:
            section = f"/use/functions/{escape(task['call'])}"
            parts.append(self._function(task["call"], path, extended=extended).under(section))
        kind = next(kind for kind in KINDS if kind in task)
        for pointer, extension in self.extensions if extended else ():
            if kind in EXTENDED.get(extension["extend"], (extension["extend"],)):
                for part in ("before", "after"):
                    steps = self._list(extension.get(part) or [], path, extended=False)
                    parts.append(steps.under(f"{pointer}/{part}"))
        return _sum(parts, own=1)

    def _list(self, items: list[dict[str, Task]], path: tuple[str, ...], *, extended: bool) -> Extent:
        found = [self._task(task, path, extended=extended).under(place) for place, task in _named(items, "")]
        return _sum(found, own=0)


def _sum(parts: Iterable[Extent], *, own: int) -> Extent:
    parts = list(parts)
    return Extent(
        own + sum(part.tasks for part in parts),
        max((part.depth for part in parts), default=0),
        max((part.bytes for part in parts), default=0),
    )


def _named(items: list[dict[str, Task]], section: str) -> Iterator[tuple[str, Task]]:
    """The tasks of a list, each with the end of its reference."""
    for position, item in enumerate(items):
        for name, task in item.items():
            yield f"{section}/{position}/{escape(name)}", task


def _inside(task: Task) -> Iterator[tuple[str, list[dict[str, Task]]]]:
    """The lists of tasks in a task, and what leads to each."""
    yield "/do", task.get("do") or []
    yield "/try", task.get("try") or []
    yield "/fork/branches", (task.get("fork") or {}).get("branches") or []
    yield "/catch/do", (task.get("catch") or {}).get("do") or []
    yield "/foreach/do", (task.get("foreach") or {}).get("do") or []
