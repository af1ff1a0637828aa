"""Which variables an expression can see, by the place where it stands (the DSL's table of arguments)."""

from dataclasses import dataclass, replace

from lib.dsl.expressions import ARGUMENTS

_RUN = frozenset({"workflow", "runtime"})
# Before a run there is nothing but who we are.
SCHEDULE = frozenset({"runtime"})
WORKFLOW_INPUT = _RUN
WORKFLOW_OUTPUT = _RUN | {"context"}
TASK_INPUT = WORKFLOW_OUTPUT | {"task"}
TASK = TASK_INPUT | {"input", "authorization"}
EXPORT = TASK | {"output"}
# Secrets are resolved when a call is made, so that they are never part of a run's stored state.
CALL = TASK | {"secrets"}
CALL_INPUT = TASK_INPUT | {"secrets"}


@dataclass(frozen=True)
class Scope:
    """Where a task stands: the loop and catch variables around it."""

    variables: frozenset[str] = frozenset()

    def plus(self, *names: str) -> "Scope":
        """This scope with more variables."""
        return replace(self, variables=self.variables | frozenset(names))

    def sentence(self, name: str, arguments: frozenset[str]) -> str | None:
        """Why a variable cannot be seen where these arguments can, or None if it can."""
        if name in arguments or name in self.variables:
            return None
        if name == "secrets":
            return "`$secrets` can be read in the arguments of a call, and in what `input.from` makes for them, only"
        seen = ", ".join(f"${other}" for other in sorted(arguments | self.variables))
        if name in ARGUMENTS:
            return f"`${name}` is not available here; available: {seen}"
        return f"`${name}` is not defined here; defined: {seen}"
