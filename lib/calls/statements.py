"""What a document asks of the database, as far as it can be judged when it is published.

Rule: only who may read or write the database himself may publish a document that does. A statement that is written
out is judged by its syntax alone, as the tables it names may be made later; with them, it is judged again when it runs.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib import errors
from lib.dbtool.refusals import miscounted
from lib.dsl import Document
from lib.dsl.document import Call
from lib.dsl.parts import Parts

if TYPE_CHECKING:
    from lib.dbtool.guard import Statement

# From here on, the reference of what a task uses is the place where that is defined.
_SHARED = ("/use/functions/", "/use/extensions/")


# What other calls than `call: sql` do there.
_SCOPES = {"ask": "db:read", "recall": "db:read", "remember": "db:write"}


@dataclass(frozen=True)
class Asking:
    """One call that asks the database for something: its function, its arguments, and where those stand."""

    function: str
    arguments: Mapping[str, Any]
    pointer: str

    @property
    def confirmed(self) -> bool:
        """Whether it is a statement that may write."""
        return self.function == "sql" and self.arguments.get("confirm") is True

    @property
    def scope(self) -> str:
        """What the key of the document's author must be allowed."""
        return "db:write" if self.confirmed else _SCOPES.get(self.function, "db:read")


def find(document: Document) -> list[Asking]:
    """Every such call that a run of this document can come to, once."""
    found: dict[str, Asking] = {}
    for task in document.tasks.values():
        if isinstance(task.body, Call) and task.body.function in ("sql", *_SCOPES):
            pointer = f"{_pointer(task.reference)}/with"
            found[pointer] = Asking(task.body.function, task.definition["with"], pointer)
    return list(found.values())


async def check(document: Document, asked: list[Asking]) -> None:
    """Judge the statements that are written out; raises InvalidDocument with every refusal."""
    parts = Parts(document.definition)
    written = [task for task in asked if task.function == "sql" and not parts.is_live(task.arguments["sql"])]
    if written:
        mistakes = await asyncio.to_thread(lambda: [mistake for task in written for mistake in _mistakes(task)])
        if mistakes:
            raise errors.InvalidDocument(errors=mistakes)


def _mistakes(task: Asking) -> Iterator[dict[str, str]]:
    from lib.dbtool.catalog import EMPTY
    from lib.dbtool.guard import judge  # two parsers: only for a document with a statement

    try:
        statement = judge(task.arguments["sql"], EMPTY)
    except errors.QueryRefused as exc:
        code, position, allowed = (exc.extra.get(name) for name in ("code", "position", "allowed"))
        detail = f"the statement is refused ({code}, at character {position}): {exc.detail} Allowed: {allowed}"
        yield {"pointer": f"{task.pointer}/sql", "detail": detail}
        return
    if statement.changes and not task.confirmed:
        yield {"pointer": task.pointer, "detail": "a statement that writes needs `confirm: true` beside it"}
    if miscounted := _miscounted(task, statement):
        yield {"pointer": f"{task.pointer}/params", "detail": miscounted}


def _miscounted(task: Asking, statement: "Statement") -> str | None:
    params = task.arguments.get("params", [])
    if not isinstance(params, list) or len(params) == statement.parameters:
        return None
    return f"the statement {miscounted(statement.parameters, len(params))}"


def _pointer(reference: str) -> str:
    return reference[max(0, *(reference.rfind(place) for place in _SHARED)) :]
