"""A workflow document, compiled once: immutable task nodes that the machine walks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.dsl.expressions import Template
from lib.dsl.schemas import Schema
from lib.dsl.strategies import Strategy

ROOT = "/"
# `for` has a `do` beside it, so it is looked for first.
KINDS = ("for", "do", "fork", "switch", "set", "raise", "wait", "call", "try", "emit", "listen", "run")
# Which kinds an extension's `extend` means, where it is not the kind itself.
EXTENDED = {"all": frozenset(KINDS), "composite": frozenset({"do", "fork"})}
# The kind of the tasks that hold an extended task and what is done before and after it.
EXTENSION = "extension"

type Duration = float | Template


@dataclass(frozen=True, slots=True)
class Transform:
    """What happens to a value on its way in, out or into the context; where there is none, it stays as it is."""

    schema: Schema | None = None
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class TaskList:
    """Tasks of one scope, in declaration order, found by position or by name."""

    tasks: tuple["Task", ...]
    positions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Do:
    tasks: TaskList


@dataclass(frozen=True, slots=True)
class For:
    each: str
    at: str
    items: Template
    condition: Template | None
    tasks: TaskList


@dataclass(frozen=True, slots=True)
class Fork:
    branches: TaskList
    compete: bool


@dataclass(frozen=True, slots=True)
class Switch:
    """The cases with a condition, in order, then what happens when none of them matches."""

    cases: tuple[tuple[Template, str], ...]
    default: str | None


@dataclass(frozen=True, slots=True)
class Set:
    value: Template


@dataclass(frozen=True, slots=True)
class Raise:
    error: Template


@dataclass(frozen=True, slots=True)
class Wait:
    duration: Duration


@dataclass(frozen=True, slots=True)
class Call:
    """`uri_templates` are the paths inside the arguments whose text is a URI template.

    What is `remote` is done by somebody else, who has to be asked only once and may take for ever;
    what is not `awaited` gives the task's input as its output.
    """

    function: str
    arguments: Template
    uri_templates: tuple[tuple[str, ...], ...] = ()
    remote: bool = False
    awaited: bool = True


@dataclass(frozen=True, slots=True)
class Invoke:
    """A call of a function that is defined under `use.functions`: its task, on the arguments."""

    arguments: Template
    tasks: TaskList


@dataclass(frozen=True, slots=True)
class Emit:
    event: Template


@dataclass(frozen=True, slots=True)
class Consume:
    """`listen`: which events to take, and what is done with each one, in turn."""

    strategy: Strategy
    read: str
    each: str
    at: str
    tasks: TaskList
    output: Transform | None
    export: Transform | None


@dataclass(frozen=True, slots=True)
class Extended:
    """A task with what extensions do around it: `tasks` in order, `position` is the extended one.

    `owners` says for each of them which of the `conditions` (None: always) has to be met.
    """

    tasks: TaskList
    position: int
    owners: tuple[int | None, ...]
    conditions: tuple[Template | None, ...]

    @property
    def task(self) -> "Task":
        """The task that is extended."""
        return self.tasks.tasks[self.position]


@dataclass(frozen=True, slots=True)
class Retry:
    when: Template | None
    except_when: Template | None
    delay: Duration
    backoff: str
    jitter: tuple[Duration, Duration] | None
    count: int | None
    attempt_duration: Duration | None
    duration: Duration | None


@dataclass(frozen=True, slots=True)
class Catch:
    errors: Mapping[str, Any]
    variable: str
    when: Template | None
    except_when: Template | None
    retry: Retry | None
    tasks: TaskList | None


@dataclass(frozen=True, slots=True)
class Try:
    """`below` are the references of all tasks inside, whose visits a retry takes back."""

    tasks: TaskList
    catch: Catch
    below: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the workflow starts by itself; durations in seconds."""

    every: float | None = None
    cron: str | None = None
    after: float | None = None
    on: Strategy | None = None


type Body = Do | For | Fork | Switch | Set | Raise | Wait | Call | Invoke | Emit | Consume | Extended | Try


@dataclass(frozen=True, slots=True)
class Task:
    """One node of the document; the workflow itself is the node `/`."""

    reference: str
    name: str
    kind: str
    body: Body
    definition: Any = field(repr=False)
    condition: Template | None = None
    input: Transform | None = None
    output: Transform | None = None
    export: Transform | None = None
    timeout: Duration | None = None
    then: str | None = None

    @property
    def lasting(self) -> bool:
        """Whether the task needs the world or the clock, so that each visit is worth an event."""
        return isinstance(self.body, _LASTING)

    @property
    def origin(self) -> str:
        """The reference that a fault of this task names: for what is around an extended task, that task's."""
        return self.body.task.reference if isinstance(self.body, Extended) else self.reference

    @property
    def silent(self) -> bool:
        """Whether the task is only our way of running extensions, of which nobody needs to hear."""
        return self.kind == EXTENSION


_LASTING = (Call, Wait, Emit, Consume)  # a tuple: a union is made anew, and searched more slowly, each time


@dataclass(frozen=True, slots=True)
class Document:
    """A valid workflow, ready to run any number of times; `tasks` holds every node by reference.

    `repeated` are the references of the tasks that a run may enter more than once, `tried` of those inside a `try`;
    `timed` says whether a run ever has a moment to wait for.
    """

    namespace: str
    name: str
    version: str
    type: str
    hash: str
    definition: Any = field(repr=False)
    tasks: Mapping[str, Task] = field(repr=False)
    repeated: frozenset[str] = field(repr=False)
    tried: frozenset[str] = field(repr=False)
    timed: bool
    secrets: tuple[str, ...] = ()
    schedule: Schedule | None = None

    @property
    def root(self) -> Task:
        """The workflow itself, as the task that all others are in."""
        return self.tasks[ROOT]
