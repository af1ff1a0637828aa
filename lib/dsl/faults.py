"""The errors a workflow can meet: RFC 9457 problems that `try` tasks filter, catch and retry."""

from typing import Any, Self

STANDARD = "https://serverlessworkflow.io/spec/1.0.0/errors/"
# The conformance kit and the reference's own examples still filter on these older bases.
OLDER_BASES = (
    "https://serverlessworkflow.io/dsl/errors/types/",
    "https://serverlessworkflow.io.io/dsl/errors/types/",
)


def canonical_type(uri: str) -> str:
    """The URI itself, or today's spelling of a standard type that is spelled the older way."""
    for base in OLDER_BASES:
        if uri.startswith(base):
            return STANDARD + uri.removeprefix(base)
    return uri


class Fault(Exception):
    """A workflow error; `instance` is the reference of the task it comes from (None until known)."""

    def __init__(
        self,
        type: str,
        status: int,
        title: str | None = None,
        detail: str | None = None,
        instance: str | None = None,
    ) -> None:
        super().__init__(detail or title or type)
        self.type = type
        self.status = status
        self.title = title
        self.detail = detail
        self.instance = instance

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fault) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.type, self.status))

    def __reduce__(self) -> tuple[Any, ...]:
        return Fault, (self.type, self.status, self.title, self.detail, self.instance)

    def at(self, reference: str) -> "Fault":
        """This fault with the task it comes from filled in, unless it already names one."""
        if self.instance is not None:
            return self
        return Fault(self.type, self.status, self.title, self.detail, reference)

    def to_json(self) -> dict[str, Any]:
        """The problem object, without the members that are unknown."""
        members = {
            "type": self.type,
            "status": self.status,
            "title": self.title,
            "detail": self.detail,
            "instance": self.instance,
        }
        return {name: value for name, value in members.items() if value is not None}

    @classmethod
    def from_json(cls, problem: dict[str, Any]) -> Self:
        """The fault that `to_json` wrote."""
        return cls(
            problem["type"],
            problem["status"],
            problem.get("title"),
            problem.get("detail"),
            problem.get("instance"),
        )


def configuration(detail: str) -> Fault:
    """A setting, reference or definition the run needs is missing or wrong."""
    return Fault(STANDARD + "configuration", 400, "Configuration Error", detail)


def validation(detail: str) -> Fault:
    """A value does not have the shape that the document declares."""
    return Fault(STANDARD + "validation", 400, "Validation Error", detail)


def expression(detail: str) -> Fault:
    """A runtime expression could not be evaluated."""
    return Fault(STANDARD + "expression", 400, "Expression Error", detail)


def authentication(detail: str, status: int = 401) -> Fault:
    """The other side did not accept who we said we are."""
    return Fault(STANDARD + "authentication", status, "Authentication Error", detail)


def authorization(detail: str, status: int = 403) -> Fault:
    """The run may not do or see this."""
    return Fault(STANDARD + "authorization", status, "Authorization Error", detail)


def timeout(detail: str) -> Fault:
    """A task or the workflow took longer than its document allows."""
    return Fault(STANDARD + "timeout", 408, "Timeout Error", detail)


def communication(detail: str, status: int = 500) -> Fault:
    """Another service answered with an error, or not at all."""
    return Fault(STANDARD + "communication", status, "Communication Error", detail)


def runtime(detail: str) -> Fault:
    """The workflow itself went wrong while it ran."""
    return Fault(STANDARD + "runtime", 500, "Runtime Error", detail)
