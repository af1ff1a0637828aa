"""What a document says about every run of it, so that no run has to look again at each of its steps."""

from collections.abc import Iterable, Iterator

from lib.dsl.document import Consume, Do, Extended, For, Fork, Invoke, Switch, Task, TaskList, Try, Wait


def is_timed(tasks: Iterable[Task]) -> bool:
    """Whether any task has a moment to wait for: a wait, a timeout, the delay or the limit of a retry."""
    return any(
        task.timeout is not None
        or isinstance(task.body, Wait)
        or (isinstance(task.body, Try) and task.body.catch.retry is not None)
        for task in tasks
    )


def find_tried(tasks: Iterable[Task]) -> frozenset[str]:
    """The references of the tasks that have a `try` around them."""
    return frozenset(name for task in tasks if isinstance(task.body, Try) for name in task.body.below)


def find_repeated(root: Task) -> frozenset[str]:
    """The references of the tasks that a run may enter more than once.

    They are inside a loop, a `listen` or a `try`, or in a list where a `then` leads back.
    """
    return frozenset(_repeated(root, again=False))


def _repeated(task: Task, *, again: bool) -> Iterator[str]:
    if again:
        yield task.reference
    for tasks in _lists(task):
        inside = again or isinstance(task.body, For | Consume | Try) or _leads_back(tasks)
        for child in tasks.tasks:
            yield from _repeated(child, again=inside)


def _lists(task: Task) -> Iterator[TaskList]:
    match task.body:
        case Do() | For() | Invoke() | Extended() | Consume():
            yield task.body.tasks
        case Fork():
            yield task.body.branches
        case Try():
            yield task.body.tasks
            if task.body.catch.tasks is not None:
                yield task.body.catch.tasks


def _leads_back(tasks: TaskList) -> bool:
    positions: dict[str | None, int] = {task.name: position for position, task in enumerate(tasks.tasks)}
    return any(
        positions.get(target, len(positions)) <= position
        for position, task in enumerate(tasks.tasks)
        for target in _targets(task)
    )


def _targets(task: Task) -> Iterator[str | None]:
    """Where `then` may lead from a task; an extended `switch` leads where it does by itself."""
    yield task.then
    body = task.body.task.body if isinstance(task.body, Extended) else task.body
    if isinstance(body, Switch):
        yield body.default
        for _, target in body.cases:
            yield target
