"""Programs that could do too much, run in a helper process that may be killed: see README, "Guarded expressions"."""

from collections.abc import Iterable

from lib import errors
from lib.dsl import guard_helper, sandbox
from lib.dsl.guard_pool import POOL
from lib.dsl.guard_process import BROKEN, LostError, NoHelperError


class Program:
    """The twin of `sandbox.Program` for an expression that is not known to be harmless."""

    __slots__ = ("_source",)

    def __init__(self, text: str, names: Iterable[str]) -> None:
        self._source = sandbox.wrap(text, names).encode()

    def check(self, text: str) -> None:
        """Raises CompileError if the expression, of this text, does not compile, also for it takes too much."""
        try:
            kind, message = _ask(self._source, None)
        except LostError as exc:
            raise sandbox.CompileError(f"it cannot be compiled: {exc}") from None
        if kind != guard_helper.VALUE:
            raise sandbox.complaint(message, text)

    def run_text(self, values: str) -> str | None:
        """The first output, from JSON to JSON; raises EvaluationError, also for what takes too much."""
        try:
            kind, text = _ask(self._source, values.encode())
        except LostError as exc:
            raise sandbox.EvaluationError(str(exc)) from None
        match kind:
            case guard_helper.VALUE:
                return text
            case guard_helper.NOTHING:
                return None
            case guard_helper.FAILED:
                raise sandbox.EvaluationError(text)
            case guard_helper.TOO_LARGE:
                most = guard_helper.LARGEST_RESULT
                raise sandbox.EvaluationError(f"the result has {text} characters, more than {most}")
        raise sandbox.EvaluationError(BROKEN)


def _ask(program: bytes, values: bytes | None) -> tuple[bytes, str]:
    """A helper's answer; raises Unavailable where there are no helpers, which is nobody's mistake here."""
    try:
        return POOL.ask(program, values)
    except NoHelperError as exc:
        raise errors.Unavailable(f"There is no helper process for this expression: {exc}") from exc
