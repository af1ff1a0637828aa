"""From a workflow's definition to its compiled document; whatever is not valid is refused here."""

import hashlib
import json
from typing import Any

from lib import errors
from lib.dsl import durations
from lib.dsl.arguments import compile_call
from lib.dsl.document import (
    ROOT,
    Body,
    Catch,
    Do,
    Document,
    Duration,
    For,
    Fork,
    Raise,
    Retry,
    Set,
    Switch,
    Task,
    TaskList,
    Transform,
    Try,
    Wait,
)
from lib.dsl.expressions import Template, compile_template, escape, is_expression
from lib.dsl.schemas import compile_schema

# `for` has a `do` beside it, so it is looked for first.
KINDS = ("for", "do", "fork", "switch", "set", "raise", "wait", "call", "try")


def compile_document(definition: Any, *, longest_effect_seconds: float = 285) -> Document:
    """The document, ready to run; raises InvalidDocument with a pointer and a sentence per mistake."""
    # Only who publishes judges documents: pydantic and the models are 95 ms that no sweep's cold start needs.
    from lib.dsl.validation import validate

    mistakes = validate(definition, longest_effect_seconds=longest_effect_seconds)
    if mistakes:
        raise errors.InvalidDocument(errors=mistakes)
    return load_document(definition)


def load_document(definition: Any) -> Document:
    """The document of a definition that was valid when it was published; what is pinned is not judged again."""
    about = definition["document"]
    compiler = _Compiler(definition.get("use") or {})
    compiler.compile_workflow(definition)
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Document(
        namespace=about["namespace"],
        name=about["name"],
        version=about["version"],
        type="graph" if _branches(definition["do"]) else "linear",
        hash=hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest(),
        definition=definition,
        tasks=compiler.tasks,
        secrets=tuple(compiler.use.get("secrets") or ()),
    )


def _branches(tasks: list[dict[str, Any]]) -> bool:
    return any(not {"then", "switch", "fork"}.isdisjoint(task) for item in tasks for task in item.values())


def _duration(value: Any) -> Duration:
    return compile_template(value) if is_expression(value) else durations.seconds(value)


def _optional_duration(value: Any) -> Duration | None:
    return None if value is None else _duration(value)


def _bare(value: Any) -> Template | None:
    return None if value is None else compile_template(value, bare=True)


def _transform(part: dict[str, Any] | None, key: str) -> Transform:
    if not part:
        return Transform()
    schema = part.get("schema")
    return Transform(None if schema is None else compile_schema(schema), _bare(part.get(key)))


def _switch(items: list[dict[str, Any]]) -> Switch:
    cases = [case for item in items for case in item.values()]
    return Switch(
        cases=tuple((compile_template(case["when"], bare=True), case["then"]) for case in cases if "when" in case),
        default=next((case["then"] for case in cases if "when" not in case), None),
    )


class _Compiler:
    """Collects the nodes of one document; `use` holds the parts that tasks name."""

    def __init__(self, use: dict[str, Any]) -> None:
        self.use = use
        self.tasks: dict[str, Task] = {}

    def compile_workflow(self, definition: dict[str, Any]) -> None:
        body = Do(self._list(definition["do"], "/do"))
        self.tasks[ROOT] = Task(
            reference=ROOT,
            name=definition["document"]["name"],
            kind="workflow",
            body=body,
            definition=definition,
            input=_transform(definition.get("input"), "from"),
            output=_transform(definition.get("output"), "as"),
            timeout=self._timeout(definition.get("timeout")),
        )

    def _list(self, items: list[dict[str, Any]], section: str) -> TaskList:
        tasks = tuple(
            self._task(name, task, f"{section}/{position}/{escape(name)}")
            for position, item in enumerate(items)
            for name, task in item.items()
        )
        return TaskList(tasks, {task.name: position for position, task in enumerate(tasks)})

    def _task(self, name: str, definition: dict[str, Any], reference: str) -> Task:
        kind = next(kind for kind in KINDS if kind in definition)
        task = Task(
            reference=reference,
            name=name,
            kind=kind,
            body=self._body(kind, definition, reference),
            definition=definition,
            condition=_bare(definition.get("if")),
            input=_transform(definition.get("input"), "from"),
            output=_transform(definition.get("output"), "as"),
            export=_transform(definition.get("export"), "as"),
            timeout=self._timeout(definition.get("timeout")),
            then=definition.get("then"),
        )
        self.tasks[reference] = task
        return task

    def _timeout(self, timeout: Any) -> Duration | None:
        if isinstance(timeout, str):
            timeout = self.use["timeouts"][timeout]
        return None if timeout is None else _duration(timeout["after"])

    def _body(self, kind: str, definition: dict[str, Any], reference: str) -> Body:
        match kind:
            case "do":
                return Do(self._list(definition["do"], f"{reference}/do"))
            case "for":
                return self._for(definition, reference)
            case "fork":
                return self._fork(definition["fork"], reference)
            case "switch":
                return _switch(definition["switch"])
            case "set":
                return Set(compile_template(definition["set"], bare=True))
            case "raise":
                return self._raise(definition["raise"]["error"])
            case "wait":
                return Wait(_duration(definition["wait"]))
            case "call":
                return compile_call(definition, self.use)
            case _:
                return self._try(definition, reference)

    def _for(self, definition: dict[str, Any], reference: str) -> For:
        loop = definition["for"]
        return For(
            each=loop.get("each", "item"),
            at=loop.get("at", "index"),
            items=compile_template(loop["in"], bare=True),
            condition=_bare(definition.get("while")),
            tasks=self._list(definition["do"], f"{reference}/do"),
        )

    def _fork(self, fork: dict[str, Any], reference: str) -> Fork:
        branches = self._list(fork.get("branches") or [], f"{reference}/fork/branches")
        return Fork(branches, bool(fork.get("compete", False)))

    def _raise(self, error: Any) -> Raise:
        return Raise(compile_template(self.use["errors"][error] if isinstance(error, str) else error))

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
            when=_bare(catch.get("when")),
            except_when=_bare(catch.get("exceptWhen")),
            retry=self._retry(catch.get("retry")),
            tasks=self._list(handler, f"{section}/do") if handler else None,
        )

    def _retry(self, policy: Any) -> Retry | None:
        if isinstance(policy, str):
            policy = self.use["retries"][policy]
        if policy is None:
            return None
        limit = policy.get("limit") or {}
        attempt = limit.get("attempt") or {}
        jitter = policy.get("jitter")
        return Retry(
            when=_bare(policy.get("when")),
            except_when=_bare(policy.get("exceptWhen")),
            delay=_duration(policy["delay"]) if "delay" in policy else 0.0,
            backoff=next(iter(policy.get("backoff") or ()), "constant"),
            jitter=(_duration(jitter["from"]), _duration(jitter["to"])) if jitter else None,
            count=attempt.get("count"),
            attempt_duration=_optional_duration(attempt.get("duration")),
            duration=_optional_duration(limit.get("duration")),
        )
