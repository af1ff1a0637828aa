"""From a workflow's definition to its compiled document; whatever is not valid is refused here."""

import hashlib
import json
from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Any

from lib import errors
from lib.dsl import durations
from lib.dsl.analysis import find_repeated, find_tried, is_timed
from lib.dsl.arguments import BUILT_IN, compile_call, compile_run
from lib.dsl.document import (
    EXTENDED,
    EXTENSION,
    KINDS,
    ROOT,
    Body,
    Catch,
    Consume,
    Do,
    Document,
    Emit,
    Extended,
    For,
    Fork,
    Invoke,
    Raise,
    Schedule,
    Set,
    Switch,
    Task,
    TaskList,
    Try,
    Wait,
)
from lib.dsl.expressions import Template, compile_template, escape
from lib.dsl.parts import Parts
from lib.dsl.strategies import compile_strategy


def compile_document(
    definition: Any,
    *,
    longest_effect_seconds: float = 285,
    allow_scripts: bool = False,
    functions: Container[str] = (),
) -> Document:
    """The document, ready to run; raises InvalidDocument with a pointer and a sentence per mistake.

    Scripts and shell commands are refused unless whoever runs the machine allows them; `functions` are the
    names that whoever runs the calls knows beside those of the language.
    """
    # Only who publishes judges documents: pydantic and the models are 95 ms that no sweep's cold start needs.
    from lib.dsl.validation import validate

    mistakes = validate(
        definition,
        longest_effect_seconds=longest_effect_seconds,
        allow_scripts=allow_scripts,
        functions=functions,
    )
    if mistakes:
        raise errors.InvalidDocument(errors=mistakes)
    return load_document(definition)


def load_document(definition: Any) -> Document:
    """The document of a definition that was valid when it was published; what is pinned is not judged again."""
    about = definition["document"]
    compiler = _Compiler(definition)
    compiler.compile_workflow()
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Document(
        namespace=about["namespace"],
        name=about["name"],
        version=about["version"],
        type="graph" if _branches(definition["do"]) else "linear",
        hash=hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest(),
        definition=definition,
        tasks=compiler.tasks,
        repeated=find_repeated(compiler.tasks[ROOT]),
        tried=find_tried(compiler.tasks.values()),
        timed=is_timed(compiler.tasks.values()),
        secrets=tuple(compiler.parts.use.get("secrets") or ()),
        schedule=compiler.compile_schedule(),
    )


def _branches(tasks: list[dict[str, Any]]) -> bool:
    return any(not {"then", "switch", "fork"}.isdisjoint(task) for item in tasks for task in item.values())


def _task_list(tasks: Iterable[Task]) -> TaskList:
    listed = tuple(tasks)
    return TaskList(listed, {task.name: position for position, task in enumerate(listed)})


def _switch(items: list[dict[str, Any]]) -> Switch:
    cases = [case for item in items for case in item.values()]
    return Switch(
        cases=tuple((compile_template(case["when"], bare=True), case["then"]) for case in cases if "when" in case),
        default=next((case["then"] for case in cases if "when" not in case), None),
    )


class _Compiler:
    """Collects the nodes of one document."""

    def __init__(self, definition: dict[str, Any]) -> None:
        self.definition = definition
        self.parts = Parts(definition)
        self.extensions = [
            (f"/use/extensions/{position}/{escape(name)}", extension)
            for position, item in enumerate(self.parts.use.get("extensions") or ())
            for name, extension in item.items()
        ]
        self.tasks: dict[str, Task] = {}

    def compile_workflow(self) -> None:
        self.tasks[ROOT] = Task(
            reference=ROOT,
            name=self.definition["document"]["name"],
            kind="workflow",
            body=Do(self._list(self.definition["do"], "/do")),
            definition=self.definition,
            input=self.parts.transform(self.definition.get("input"), "from"),
            output=self.parts.transform(self.definition.get("output"), "as"),
            timeout=self.parts.timeout(self.definition.get("timeout")),
        )

    def compile_schedule(self) -> Schedule | None:
        schedule = self.definition.get("schedule")
        if schedule is None:
            return None
        lengths = {name: durations.seconds(schedule[name]) for name in ("every", "after") if name in schedule}
        on = compile_strategy(schedule["on"], self.parts.bare) if "on" in schedule else None
        return Schedule(cron=schedule.get("cron"), on=on, **lengths)

    def _list(self, items: list[dict[str, Any]], section: str) -> TaskList:
        return _task_list(
            self._task(name, task, f"{section}/{position}/{escape(name)}")
            for position, item in enumerate(items)
            for name, task in item.items()
        )

    def _task(self, name: str, definition: dict[str, Any], reference: str) -> Task:
        kind = next(kind for kind in KINDS if kind in definition)
        task = Task(
            reference=reference,
            name=name,
            kind=kind,
            body=self._body(kind, definition, reference),
            definition=definition,
            condition=self.parts.optional(definition.get("if")),
            input=self.parts.transform(definition.get("input"), "from"),
            output=self.parts.transform(definition.get("output"), "as"),
            export=self.parts.transform(definition.get("export"), "as"),
            timeout=self.parts.timeout(definition.get("timeout")),
            then=definition.get("then"),
        )
        self.tasks[reference] = task
        return self._extend(task)

    def _extend(self, task: Task) -> Task:
        """The task with what its extensions do around it; what they do is not extended itself."""
        chosen = [
            (pointer, extension)
            for pointer, extension in self.extensions
            if task.kind in EXTENDED.get(extension["extend"], (extension["extend"],))
        ]
        if not chosen:
            return task
        every, self.extensions = self.extensions, []
        before, after = (
            [(owner, self._steps(task, pointer, extension, part)) for owner, (pointer, extension) in enumerate(chosen)]
            for part in ("before", "after")
        )
        self.extensions = every
        conditions = tuple(self.parts.optional(extension.get("when")) for _, extension in chosen)
        return self._wrap(task, [*before, (None, task), *after], conditions)

    def _wrap(
        self, task: Task, steps: list[tuple[int | None, Task | None]], conditions: tuple[Template | None, ...]
    ) -> Task:
        """The steps around a task as one task; its `if` is asked before the first of them begins."""
        inner = replace(task, condition=None)
        kept = [(owner, inner if step is task else step) for owner, step in steps if step is not None]
        outer = replace(
            task,
            reference=f"{task.reference}/use/extensions",
            kind=EXTENSION,
            body=Extended(
                tasks=_task_list(step for _, step in kept),
                position=next(position for position, (owner, _) in enumerate(kept) if owner is None),
                owners=tuple(owner for owner, _ in kept),
                conditions=conditions,
            ),
            input=None,
            output=None,
            export=None,
            timeout=None,
        )
        self.tasks.update({inner.reference: inner, outer.reference: outer})
        return outer

    def _steps(self, task: Task, pointer: str, extension: dict[str, Any], part: str) -> Task | None:
        """What an extension does before or after a task, as one task; None: nothing."""
        if not extension.get(part):
            return None
        reference = f"{task.reference}{pointer}/{part}"
        body = Do(self._list(extension[part], reference))
        self.tasks[reference] = Task(reference, part, EXTENSION, body, extension[part])
        return self.tasks[reference]

    def _body(self, kind: str, definition: dict[str, Any], reference: str) -> Body:
        match kind:
            case "for" | "do" | "fork" | "try" | "listen":
                return self._scope(kind, definition, reference)
            case "switch":
                return _switch(definition["switch"])
            case "set":
                return Set(self.parts.bare(definition["set"]))
            case "raise":
                return self._raise(definition["raise"]["error"])
            case "wait":
                return Wait(self.parts.duration(definition["wait"]))
            case "emit":
                return Emit(self.parts.template(definition["emit"]["event"]["with"]))
            case "run":
                return compile_run(definition["run"], self.definition["document"]["namespace"], self.parts)
            case _:
                return self._call(definition, reference)

    def _scope(self, kind: str, definition: dict[str, Any], reference: str) -> Body:
        match kind:
            case "do":
                return Do(self._list(definition["do"], f"{reference}/do"))
            case "for":
                return self._for(definition, reference)
            case "fork":
                return self._fork(definition["fork"], reference)
            case "listen":
                return self._listen(definition, reference)
            case _:
                return self._try(definition, reference)

    def _call(self, definition: dict[str, Any], reference: str) -> Body:
        name = definition["call"]
        functions = self.parts.use.get("functions") or {}
        if name in BUILT_IN or name not in functions:
            return compile_call(definition, self.parts)
        function = self._task(name, functions[name], f"{reference}/use/functions/{escape(name)}")
        return Invoke(self.parts.template(definition.get("with") or {}), _task_list([function]))

    def _listen(self, definition: dict[str, Any], reference: str) -> Consume:
        listen, each = definition["listen"], definition.get("foreach") or {}
        return Consume(
            strategy=compile_strategy(listen["to"], self.parts.bare),
            read=listen.get("read", "data"),
            each=each.get("item", "item"),
            at=each.get("at", "index"),
            tasks=self._list(each.get("do") or [], f"{reference}/foreach/do"),
            output=self.parts.transform(each.get("output"), "as"),
            export=self.parts.transform(each.get("export"), "as"),
        )

    def _for(self, definition: dict[str, Any], reference: str) -> For:
        loop = definition["for"]
        return For(
            each=loop.get("each", "item"),
            at=loop.get("at", "index"),
            items=self.parts.bare(loop["in"]),
            condition=self.parts.optional(definition.get("while")),
            tasks=self._list(definition["do"], f"{reference}/do"),
        )

    def _fork(self, fork: dict[str, Any], reference: str) -> Fork:
        branches = self._list(fork.get("branches") or [], f"{reference}/fork/branches")
        return Fork(branches, bool(fork.get("compete", False)))

    def _raise(self, error: Any) -> Raise:
        return Raise(self.parts.template(self.parts.use["errors"][error] if isinstance(error, str) else error))

    def _try(self, definition: dict[str, Any], reference: str) -> Try:
        before = set(self.tasks)
        tasks = self._list(definition["try"], f"{reference}/try")
        catch = self._catch(definition["catch"], f"{reference}/catch")
        return Try(tasks, catch, tuple(name for name in self.tasks if name not in before))

    def _catch(self, catch: dict[str, Any], section: str) -> Catch:
        handler = catch.get("do")
        return Catch(
            errors=(catch.get("errors") or {}).get("with") or {},
            variable=catch.get("as", "error"),
            when=self.parts.optional(catch.get("when")),
            except_when=self.parts.optional(catch.get("exceptWhen")),
            retry=self.parts.retry(catch.get("retry")),
            tasks=self._list(handler, f"{section}/do") if handler else None,
        )
