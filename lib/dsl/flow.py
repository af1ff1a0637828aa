"""How a run moves from task to task: entering, leaving, and what comes next."""

from typing import Any

from lib.dsl import faults, listening, retries
from lib.dsl.catching import halt, throw
from lib.dsl.document import Call, Consume, Do, Extended, For, Fork, Invoke, Task, TaskList, Try, Wait
from lib.dsl.faults import Fault
from lib.dsl.moves import Completed
from lib.dsl.state import Frame
from lib.dsl.tasks import BEGINNINGS, NEW_ITERATION, Done, go_on, take_step
from lib.dsl.transforms import micros, shape, take_in
from lib.dsl.work import Work

# What a run may do without ever asking for the world: a loop that never ends is stopped here, after
# five to twenty seconds of computing (50,000 to 200,000 tasks a second).
PURE_TASKS = 1_000_000


def step(work: Work, frame: Frame) -> None:
    """Enters the child that this frame is lined up for."""
    frame = work.edit(frame)
    work.budget -= 1
    work.pure += 1
    if work.pure > PURE_TASKS:
        limit = f"{PURE_TASKS:,} tasks ran without a single call or wait: this looks like an endless loop"
        halt(work, frame, faults.runtime(limit).at(work.task_of(frame).origin))
        return
    child, value = frame["next"]
    task = work.task_of(frame)
    body = task.body
    if child == NEW_ITERATION:
        assert isinstance(body, For)  # noqa: S101  # only loops iterate
        try:
            wanted = body.condition is None or work.holds(body.condition, frame, value)
        except Fault as fault:
            settle(work, frame, fault)
            return
        if not wanted:
            settle(work, frame, Done(value))
            return
        child = 0
    del frame["next"]
    if isinstance(body, Fork) and child + 1 < len(body.branches.tasks):
        go_on(work, frame, child + 1, value)
    enter(work, children(task, frame).tasks[child], frame, value)


def children(task: Task, frame: Frame) -> TaskList:
    """The tasks that this task's frame is walking through."""
    body = task.body
    if isinstance(body, Do):  # nearly always, and twice as quick to find out as by a case
        return body.tasks
    match body:
        case For() | Invoke() | Extended() | Consume():
            return body.tasks
        case Fork():
            return body.branches
        case Try():
            caught = frame["phase"] == "catch"
            return body.catch.tasks if caught and body.catch.tasks else body.tasks
        case _:
            raise AssertionError(f"{task.reference} has no tasks inside")


def enter(work: Work, task: Task, parent: Frame | None, raw: Any, again: Frame | None = None) -> None:
    """Begins a task on its raw input; `again` is the frame of the same visit that failed before."""
    result: Done | Fault | None
    frame: Frame = {
        "task": task.reference,
        "parent": None if parent is None else parent["id"],
        "visit": again["visit"] if again else work.next_visit(task),
        "started": work.now,
        "raw": raw,
    }
    try:
        skipped = task.condition is not None and not work.holds(task.condition, frame, raw)
        result = None if skipped else _start(work, task, frame, again)
    except Fault as fault:
        work.count_visit(frame)
        settle(work, frame, fault)
        return
    if skipped and parent is not None:
        frame, result = parent, child_done(work, parent, task, Done(raw, "continue"))
    if result is not None:
        settle(work, frame, result)


def _start(work: Work, task: Task, frame: Frame, again: Frame | None) -> Done | None:
    work.count_visit(frame)
    body = task.body
    if isinstance(body, Call):
        attempt = retries.next_attempt(work, frame)
        frame["attempt"] = max(attempt, again.get("attempt", 0) + 1) if again else attempt
        work.tell("started", frame, function=body.function)
    else:
        work.tell("started", frame)
    take_in(work, task, frame)
    if task.timeout is not None:
        frame["timeout"] = micros(work, frame, task.timeout)
        frame["deadline"] = work.now + frame["timeout"]
    return BEGINNINGS[type(body)](work, body, frame)


def settle(work: Work, frame: Frame, result: Done | Fault | None) -> None:
    """Follows a result upwards until something waits, goes on or ends (a loop: depth costs no stack)."""
    current: Frame | None = frame
    while result is not None and current is not None:
        task = work.task_of(current)
        if isinstance(result, Done) and (task.output is not None or task.export is not None):
            result = _give_out(work, task, current, result)
        if isinstance(result, Done):
            current, result = leave(work, task, current, result)
        else:
            current, result = throw(work, current, result.at(task.origin))


def _give_out(work: Work, task: Task, frame: Frame, done: Done) -> Done | Fault:
    """Makes the task's output of its raw output, checks it, and exports to the context."""
    try:
        return Done(shape(work, frame, done.output, task.output, task.export), done.then)
    except Fault as fault:
        if "id" in frame and not isinstance(task.body, Wait):
            # what a call was answered is asked for again; an event does not come twice
            rest = {"open": False} if isinstance(task.body, Call) else {"output": done.output, "then": done.then}
            work.edit(frame).update(rest)
        return fault


def leave(work: Work, task: Task, frame: Frame, done: Done) -> tuple[Frame | None, Done | Fault | None]:
    """Closes a completed task and tells the frame around it; returns that frame's own result, if any."""
    parent = work.parent_of(frame)
    work.tell("completed", frame)
    work.drop(frame)
    if parent is None:
        work.outcome = Completed(done.output)
        return None, None
    return parent, child_done(work, parent, task, done)


def child_done(work: Work, frame: Frame, task: Task, done: Done) -> Done | Fault | None:
    """What a frame does when one of its tasks is done: go on (None), or be done itself."""
    around = work.task_of(frame)
    body = around.body
    then = done.then or task.then or "continue"
    if isinstance(body, Fork):
        return _branch_done(work, frame, body, task, Done(done.output, then))
    if isinstance(body, Extended):
        return _step_done(work, frame, body, done)
    siblings = children(around, frame)
    following = siblings.positions[task.name] + 1 if then == "continue" else siblings.target(then)
    if following is not None and following < len(siblings.tasks):
        go_on(work, frame, following, done.output)
        return None
    if isinstance(body, Consume):
        return listening.item_done(work, frame, done.output, ends=then == "end")
    # only the task around an extension's tasks has to know that they ended it
    ended = Done(done.output, then if then == "end" or around.silent else None)
    if isinstance(body, For) and then != "end" and frame["at"] + 1 < len(frame["items"]):
        work.edit(frame)["at"] += 1
        go_on(work, frame, NEW_ITERATION, done.output)
        return None
    return ended


def _branch_done(work: Work, frame: Frame, body: Fork, task: Task, done: Done) -> Done | None:
    frame = work.edit(frame)
    outputs = list(frame["outputs"])
    outputs[body.branches.positions[task.name]] = done.output
    frame.update(outputs=outputs, left=frame["left"] - 1)
    ends = done.then == "end"
    if not (ends or body.compete or frame["left"] == 0):
        return None
    work.cancel_below(frame)
    return Done(done.output if body.compete else outputs, "end" if ends else None)


def _step_done(work: Work, frame: Frame, body: Extended, done: Done) -> Done | None:
    """What an extension's tasks give is forgotten, unless they end the task: `end` and `exit` do."""
    step = frame["step"]
    if step != body.position and done.then in ("end", "exit"):
        return Done(done.output, "end" if done.then == "end" else None)
    if step == body.position:
        frame = work.edit(frame)
        frame.update(result=done.output, after=done.then)
    if take_step(work, body, frame, step + 1):
        return None
    return Done(frame["result"], frame["after"])
