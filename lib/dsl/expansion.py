"""What functions and extensions add up to: a few lines can mean a million tasks, or endlessly many."""

from collections.abc import Iterator, Mapping
from typing import Any

from lib.dsl import limits
from lib.dsl.arguments import BUILT_IN
from lib.dsl.document import EXTENDED, KINDS

type Task = Mapping[str, Any]


class ExpansionError(ValueError):
    """The document means more tasks than may be; `pointer` says where it begins."""

    def __init__(self, pointer: str, sentence: str) -> None:
        super().__init__(sentence)
        self.pointer = pointer


class Expansion:
    """Counts the tasks of a document that is well-formed, with all that functions and extensions add."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        use = definition.get("use") or {}
        self.do = definition["do"]
        self.functions: Mapping[str, Task] = use.get("functions") or {}
        self.extensions = [extension for item in use.get("extensions") or () for extension in item.values()]
        # of a function's task, with and without extensions: how many tasks, calling each other how deep
        self._known: dict[tuple[str, bool], tuple[int, int]] = {}

    def check(self) -> None:
        """Raises ExpansionError if there are too many tasks, or no end to them."""
        for name in self.functions:
            self._function(name, (), extended=True)
        if self._list(self.do, (), extended=True)[0] > limits.EXPANDED_TASKS:
            sentence = f"with its functions and extensions, a document may have at most {limits.EXPANDED_TASKS} tasks"
            raise ExpansionError("/do", sentence)

    def _function(self, name: str, path: tuple[str, ...], *, extended: bool) -> tuple[int, int]:
        pointer = f"/use/functions/{name}"
        if name in path:
            circle = " → ".join(f"`{other}`" for other in (*path[path.index(name) :], name))
            raise ExpansionError(pointer, f"the function calls itself: {circle}")
        if (name, extended) not in self._known:
            if len(path) >= limits.FUNCTION_DEPTH:
                raise ExpansionError(pointer, f"functions may call each other {limits.FUNCTION_DEPTH} levels deep")
            size, depth = self._task(self.functions[name], (*path, name), extended=extended)
            self._known[name, extended] = size, depth + 1
        size, depth = self._known[name, extended]
        if len(path) + depth > limits.FUNCTION_DEPTH:
            raise ExpansionError(pointer, f"functions may call each other {limits.FUNCTION_DEPTH} levels deep")
        return size, depth

    def _task(self, task: Task, path: tuple[str, ...], *, extended: bool) -> tuple[int, int]:
        parts = [self._list(items, path, extended=extended) for items in _inside(task)]
        if task.get("call") in self.functions and task["call"] not in BUILT_IN:
            parts.append(self._function(task["call"], path, extended=extended))
        kind = next(kind for kind in KINDS if kind in task)
        for extension in self.extensions if extended else ():
            if kind in EXTENDED.get(extension["extend"], (extension["extend"],)):
                steps = [*(extension.get("before") or []), *(extension.get("after") or [])]
                parts.append(self._list(steps, path, extended=False))
        return 1 + sum(size for size, _ in parts), max((depth for _, depth in parts), default=0)

    def _list(self, items: list[dict[str, Task]], path: tuple[str, ...], *, extended: bool) -> tuple[int, int]:
        found = [self._task(task, path, extended=extended) for item in items for task in item.values()]
        return sum(size for size, _ in found), max((depth for _, depth in found), default=0)


def _inside(task: Task) -> Iterator[list[dict[str, Task]]]:
    """The lists of tasks in a task."""
    yield task.get("do") or []
    yield task.get("try") or []
    yield (task.get("fork") or {}).get("branches") or []
    yield (task.get("catch") or {}).get("do") or []
    yield (task.get("foreach") or {}).get("do") or []
