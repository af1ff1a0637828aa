"""The walk over a document's tasks: each one's kind, shape, expressions, names and where it may go next."""

from collections.abc import Callable, Container
from typing import Any

from lib.dsl import limits, unsupported
from lib.dsl.arguments import RESERVED, sends
from lib.dsl.call_checks import check_call
from lib.dsl.checks import Checks
from lib.dsl.components import check_error, check_retry
from lib.dsl.event_checks import check_emit, check_listen
from lib.dsl.event_models import EmitTask, Extension, ListenTask, RunTask
from lib.dsl.expressions import escape
from lib.dsl.flow_checks import CALL_FLOW, TASK_FLOW, check_flow
from lib.dsl.models import (
    CallTask,
    Case,
    DoTask,
    ForkTask,
    ForTask,
    RaiseTask,
    SetTask,
    SwitchTask,
    Task,
    TryTask,
    WaitTask,
)
from lib.dsl.process_checks import check_run
from lib.dsl.structure import describe
from lib.dsl.suggestions import did_you_mean
from lib.dsl.visibility import TASK, TASK_INPUT, Scope

DIRECTIVES = ("continue", "end", "exit")
_COMMON = frozenset(field.alias or name for name, field in Task.model_fields.items())


class TaskLists:
    """Walks every task list of one document; `functions` are those at hand beside its own."""

    def __init__(
        self,
        checks: Checks,
        longest_effect_seconds: float,
        *,
        allow_scripts: bool = False,
        functions: Container[str] = (),
    ) -> None:
        self.checks = checks
        self.findings = checks.findings
        self.longest_effect_seconds = longest_effect_seconds
        self.allow_scripts = allow_scripts
        self.functions_at_hand = functions
        self.tasks = 0

    def walk(self, items: Any, pointer: str, scope: Scope, *, sequence: bool = True) -> None:
        """A list of named tasks; in one that is no sequence (`branches`), `then` names no task."""
        if not isinstance(items, list):
            self.findings.add(pointer, f"must be a list of named tasks, but is {describe(items)}")
            return
        named = self._named(items, pointer)
        targets = [name for name, _, _ in named] if sequence else []
        for _, place, task in named:
            self._count(task, place, scope, targets)

    def functions(self) -> None:
        """The tasks under `use.functions`, which see nothing of where they are called."""
        for name, place, task in self.checks.entries("functions"):
            if name in RESERVED:
                self.findings.add(place, f"`{name}` is a function of the language: choose another name")
            self._count(task, place, Scope(), [])

    def extensions(self) -> None:
        """What is under `use.extensions`; its tasks see nothing of where they are used but `$task`."""
        extensions = self.checks.use.get("extensions")
        for _, place, extension in self._named(extensions, "/use/extensions") if isinstance(extensions, list) else ():
            extend = extension.get("extend") if isinstance(extension, dict) else None
            if isinstance(extend, str) and (sentence := unsupported.refusal("extend", extend)):
                self.findings.add(f"{place}/extend", sentence)
            elif self.findings.check(Extension, extension, place):
                self.checks.expression(extension.get("when"), f"{place}/when", Scope(), TASK)
                for part in ("before", "after"):
                    if part in extension:
                        self.walk(extension[part], f"{place}/{part}", Scope())

    def _count(self, task: Any, pointer: str, scope: Scope, targets: list[str]) -> None:
        self.tasks += 1
        if self.tasks == limits.DOCUMENT_TASKS + 1:
            self.findings.add(pointer, f"a document may have at most {limits.DOCUMENT_TASKS} tasks")
        if self.tasks <= limits.DOCUMENT_TASKS:
            self._task(task, pointer, scope, targets)

    def _named(self, items: list[Any], pointer: str) -> list[tuple[str, str, Any]]:
        """Name, pointer and value of each entry of a list of one-key objects."""
        found: list[tuple[str, str, Any]] = []
        for index, item in enumerate(items):
            if not isinstance(item, dict) or len(item) != 1:
                what = f"has {len(item)} keys" if isinstance(item, dict) else f"is {describe(item)}"
                self.findings.add(f"{pointer}/{index}", f"must be an object with one key, the name, but {what}")
                continue
            name, value = next(iter(item.items()))
            place = f"{pointer}/{index}/{escape(name)}"
            if (size := len(place.encode(errors="surrogatepass"))) > limits.REFERENCE_BYTES:
                self.findings.add(f"{pointer}/{index}", limits.reference_sentence(size))
                continue
            if any(name == other for other, _, _ in found):
                self.findings.add(place, f"the name `{name}` is used twice in this list")
            if not name.strip():
                self.findings.add(place, "the name is empty")
            found.append((name, place, value))
        return found

    def _task(self, task: Any, pointer: str, scope: Scope, targets: list[str]) -> None:
        kind = self._kind(task, pointer)
        if kind is None:
            return
        fits = self.findings.check(_MODELS[kind], task, pointer)
        self.checks.expression(task.get("if"), f"{pointer}/if", scope, TASK_INPUT)
        check_flow(self.checks, task, pointer, scope, CALL_FLOW if sends(task) else TASK_FLOW)
        seconds = self.checks.timeout(task.get("timeout"), f"{pointer}/timeout", scope, TASK)
        self._then(task.get("then"), f"{pointer}/then", targets)
        if not fits:
            self._inside(task, pointer, scope)
        elif kind == "call":
            self._call(task, pointer, scope, seconds)
        elif kind == "run":
            self._run(task["run"], f"{pointer}/run", scope, seconds)
        elif kind == "switch":
            self._switch(task["switch"], f"{pointer}/switch", scope, targets)
        else:
            _BODIES[kind](self, task, pointer, scope)

    def _inside(self, task: dict[str, Any], pointer: str, scope: Scope) -> None:
        """The tasks in a task of the wrong shape: authors want to hear of all mistakes at once."""
        loop, fork, catch, each = (_object(task.get(name)) for name in ("for", "fork", "catch", "foreach"))
        looped = scope.plus(str(loop.get("each", "item")), str(loop.get("at", "index")))
        heard = scope.plus(str(each.get("item", "item")), str(each.get("at", "index")))
        caught = scope.plus(str(catch.get("as", "error")))
        lists = (
            ("do", task.get("do"), looped if loop else scope),
            ("fork/branches", fork.get("branches"), scope),
            ("try", task.get("try"), scope),
            ("catch/do", catch.get("do"), caught),
            ("foreach/do", each.get("do"), heard),
        )
        for place, items, inner in lists:
            if isinstance(items, list):
                self.walk(items, f"{pointer}/{place}", inner, sequence=place != "fork/branches")

    def _kind(self, task: Any, pointer: str) -> str | None:
        """The one thing that the task does; None, and a finding, if that is not clear."""
        if not isinstance(task, dict):
            self.findings.add(pointer, f"a task must be an object, but is {describe(task)}")
            return None
        kinds = [kind for kind in _KINDS if kind in task]
        if kinds[:2] == ["for", "do"]:
            kinds.remove("do")
        if len(kinds) > 1:
            together = " and ".join(f"`{kind}`" for kind in kinds)
            self.findings.add(pointer, f"a task does one thing, but this one has {together}")
        elif not kinds:
            strange = [name for name in task if name not in _COMMON]
            what = f"unknown task `{strange[0]}`" if strange else "the task does nothing"
            self.findings.add(pointer, what + did_you_mean(strange[0] if strange else "", _KINDS))
        return kinds[0] if len(kinds) == 1 else None

    def _then(self, target: Any, pointer: str, targets: list[str]) -> None:
        if isinstance(target, str) and target and target not in (*DIRECTIVES, *targets):
            hint = did_you_mean(target, [*targets, *DIRECTIVES])
            where = "in this list, and `then` reaches no other"
            self.findings.add(pointer, f"there is no task `{target}` {where}{hint}")

    def _call(self, task: dict[str, Any], pointer: str, scope: Scope, seconds: float | None) -> None:
        if check_call(self.checks, task, pointer, scope, self.functions_at_hand):
            self._fits(seconds, pointer)

    def _run(self, run: dict[str, Any], pointer: str, scope: Scope, seconds: float | None) -> None:
        if "workflow" not in run:
            self._fits(seconds, pointer.removesuffix("/run"))
        check_run(self.checks, run, pointer, scope, allow_scripts=self.allow_scripts)

    def _fits(self, seconds: float | None, pointer: str) -> None:
        """Whether an effect can be waited for as long as its task's timeout says."""
        if seconds is not None and seconds > self.longest_effect_seconds:
            longest = f"{self.longest_effect_seconds:g}"
            sentence = f"a call may take at most {longest} seconds here, but its timeout is {seconds:.15g}"
            self.findings.add(f"{pointer}/timeout", sentence)

    def _switch(self, items: Any, pointer: str, scope: Scope, targets: list[str]) -> None:
        cases = self._named(items, pointer)
        if not items:
            self.findings.add(pointer, "needs at least one case")
        defaults = 0
        for _, place, case in cases:
            if not self.findings.check(Case, case, place):
                continue
            self.checks.expression(case.get("when"), f"{place}/when", scope, TASK)
            self._then(case["then"], f"{place}/then", targets)
            defaults += "when" not in case
            if defaults == 2 and "when" not in case:
                self.findings.add(place, "only one case may be without `when`")

    def _do(self, task: dict[str, Any], pointer: str, scope: Scope) -> None:
        self.walk(task["do"], f"{pointer}/do", scope)

    def _for(self, task: dict[str, Any], pointer: str, scope: Scope) -> None:
        loop, place = task["for"], f"{pointer}/for"
        self.checks.expression(loop["in"], f"{place}/in", scope, TASK)
        inner = self.checks.loop(loop, place, scope, each="each")
        self.checks.expression(task.get("while"), f"{pointer}/while", inner, TASK)
        self.walk(task["do"], f"{pointer}/do", inner)

    def _fork(self, task: dict[str, Any], pointer: str, scope: Scope) -> None:
        branches, place = task["fork"]["branches"], f"{pointer}/fork/branches"
        if not branches:
            self.findings.add(place, "needs at least one branch")
        self.walk(branches, place, scope, sequence=False)

    def _raise(self, task: dict[str, Any], pointer: str, scope: Scope) -> None:
        error, place = task["raise"]["error"], f"{pointer}/raise/error"
        if isinstance(error, str):
            self.checks.named(error, "errors", place)
        else:
            check_error(self.checks, error, place, scope)

    def _set(self, task: dict[str, Any], pointer: str, scope: Scope) -> None:
        self.checks.value_or_expression(task["set"], f"{pointer}/set", scope, TASK)

    def _wait(self, task: dict[str, Any], pointer: str, scope: Scope) -> None:
        self.checks.duration(task["wait"], f"{pointer}/wait", scope, TASK)

    def _try(self, task: dict[str, Any], pointer: str, scope: Scope) -> None:
        self.walk(task["try"], f"{pointer}/try", scope)
        catch, place = task["catch"], f"{pointer}/catch"
        variable = catch.get("as", "error")
        self.checks.variable(variable, f"{place}/as")
        inner = scope.plus(variable)
        for name in ("when", "exceptWhen"):
            self.checks.expression(catch.get(name), f"{place}/{name}", inner, TASK)
        if catch.get("errors", {}).get("with") == {}:
            self.findings.add(f"{place}/errors/with", "names nothing to filter by: remove it to catch every error")
        if "retry" in catch:
            check_retry(self.checks, catch["retry"], f"{place}/retry", inner)
        if "do" in catch:
            self.walk(catch["do"], f"{place}/do", inner)

    def _emit(self, task: dict[str, Any], pointer: str, scope: Scope) -> None:
        check_emit(self.checks, task, pointer, scope)

    def _listen(self, task: dict[str, Any], pointer: str, scope: Scope) -> None:
        inner = check_listen(self.checks, task, pointer, scope)
        if isinstance(items := _object(task.get("foreach")).get("do"), list):
            self.walk(items, f"{pointer}/foreach/do", inner)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


_MODELS: dict[str, type[Task]] = {
    "for": ForTask,
    "do": DoTask,
    "call": CallTask,
    "fork": ForkTask,
    "raise": RaiseTask,
    "set": SetTask,
    "switch": SwitchTask,
    "try": TryTask,
    "wait": WaitTask,
    "emit": EmitTask,
    "listen": ListenTask,
    "run": RunTask,
}
_KINDS = tuple(_MODELS)
_BODIES: dict[str, Callable[[TaskLists, dict[str, Any], str, Scope], None]] = {
    "for": TaskLists._for,
    "do": TaskLists._do,
    "fork": TaskLists._fork,
    "raise": TaskLists._raise,
    "set": TaskLists._set,
    "try": TaskLists._try,
    "wait": TaskLists._wait,
    "emit": TaskLists._emit,
    "listen": TaskLists._listen,
}
