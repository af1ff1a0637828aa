"""Where tasks stand in a definition that nobody has judged yet: whatever is not as it should be is passed over."""

from collections.abc import Iterator, Mapping
from typing import Any

from lib.dsl.expressions import escape

type Path = tuple[str | int, ...]

# What holds lists of tasks, in whatever may have some: the workflow, a task, an extension.
_LISTS = (
    ("do",),
    ("try",),
    ("catch", "do"),
    ("fork", "branches"),
    ("before",),
    ("after",),
    ("use", "extensions"),
)


def owners(definition: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The workflow, its tasks, functions, extensions and iterators, each with its path, in the order of the document.

    What else an author writes is data, whatever it looks like.
    """
    waiting: list[tuple[Path, Any]] = [((), definition)]
    while waiting:
        path, owner = waiting.pop()
        if isinstance(owner, dict):
            yield path, owner
            waiting += reversed(list(_inside(path, owner)))


def pointer(path: Path) -> str:
    """The path as a JSON pointer."""
    return "".join(f"/{escape(str(step))}" for step in path)


def object_of(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _inside(path: Path, owner: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    for steps in _LISTS:
        items = _at(owner, steps)
        for index, item in enumerate(items) if isinstance(items, list) else ():
            for name, task in object_of(item).items():
                yield (*path, *steps, index, name), task
    for name, task in object_of(_at(owner, ("use", "functions"))).items():
        yield (*path, "use", "functions", name), task
    yield (*path, "foreach"), owner.get("foreach")


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        value = object_of(value).get(step)
    return value
