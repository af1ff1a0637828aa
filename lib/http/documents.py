"""A workflow as it is sent in: a document, or the short row shape that is filled up to one.

Compiling brings jq with it, so it is imported when a document comes, not when the process starts.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from lib.config import settings
from lib.errors import Forbidden, InvalidDocument, Unprocessable
from lib.http.bodies import WorkflowRow, read_model
from lib.http.caller import Caller
from lib.http.request import Request
from lib.store import Workflow

if TYPE_CHECKING:
    from lib import dsl

DSL_VERSION = "1.0.3"
FIRST_VERSION = "0.1.0"
# RFC 9512 names the first; the others are what tools sent before it.
_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")


class Submission(NamedTuple):
    """A valid document, and the type that its row shall say."""

    document: "dsl.Document"
    type: str


async def read_submission(request: Request, *, replaces: Workflow | None = None) -> Submission:
    """The workflow in the body, compiled; raises InvalidDocument with a pointer into that very body.

    With `replaces` it has to be another version of that workflow; a row without a version gets the next one.
    """
    body = await _read_body(request)
    if not isinstance(body, dict) or "definition" not in body:
        document = await _compile(body, request.caller)
        _check_name(document, replaces, "/document/name")
        return Submission(document, document.type)
    row = read_model(WorkflowRow, body)
    try:
        document = await _compile(_fill(row, replaces), request.caller)
    except InvalidDocument as exc:
        raise InvalidDocument(exc.detail, errors=[_move(error, row) for error in exc.extra["errors"]]) from None
    _check_row(row, document)
    _check_name(document, replaces, "/name")
    return Submission(document, row.type or document.type)


async def _read_body(request: Request) -> Any:
    data = await request.body()
    media_type = request.media_type("application/json", *_YAML)
    from lib import dsl

    return dsl.read(data, _YAML[0] if media_type in _YAML else media_type)


async def _compile(definition: Any, author: Caller) -> "dsl.Document":
    from lib import dsl
    from lib.calls import catalogs, functions, schemas, statements

    definition = await schemas.pin(await catalogs.pin(definition))  # a function may bring schemas
    document = dsl.compile_document(
        definition,
        longest_effect_seconds=settings().longest_effect_seconds,
        allow_scripts=settings().allow_scripts,
        functions=frozenset(functions.names()),
    )
    asked = statements.find(document)
    for one in asked:
        if one.scope not in author.scopes:
            sentence = f"This key lacks the scope {one.scope}: the document has a `call: {one.function}`."
            raise Forbidden(sentence, scope=one.scope)
    await statements.check(document, asked)
    return document


def _fill(row: WorkflowRow, replaces: Workflow | None) -> dict[str, Any]:
    """The definition with a `document` section made from the row, unless it has its own."""
    about = {
        "dsl": DSL_VERSION,
        "namespace": row.namespace or (replaces.namespace if replaces else "default"),
        "name": row.name,
        "version": row.version or (_next_version(replaces.version) if replaces else FIRST_VERSION),
    }
    return {"document": about, **row.definition}


def _next_version(version: str) -> str:
    """The next patch of a semantic version."""
    major, minor, patch = version.partition("-")[0].partition("+")[0].split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


def _move(error: dict[str, str], row: WorkflowRow) -> dict[str, str]:
    """What is wrong in the document, where the sender wrote it."""
    pointer = error["pointer"]
    if pointer.startswith("/document/") and "document" not in row.definition:
        return {**error, "pointer": pointer.removeprefix("/document")}
    return {**error, "pointer": f"/definition{pointer}"}


def _check_row(row: WorkflowRow, document: "dsl.Document") -> None:
    """A definition that names itself must not contradict its row, nor its shape the row's type."""
    said = {"name": row.name, "namespace": row.namespace, "version": row.version}
    errors = [
        {"pointer": f"/{key}", "detail": f"The definition's own document says {getattr(document, key)}."}
        for key, value in said.items()
        if value is not None and value != getattr(document, key)
    ]
    if row.type == "linear" and document.type == "graph":
        errors.append({"pointer": "/type", "detail": "A then, switch or fork at the top level makes it a graph."})
    if errors:
        raise InvalidDocument(errors=errors)


def _check_name(document: "dsl.Document", replaces: Workflow | None, pointer: str) -> None:
    if replaces and (document.namespace, document.name) != (replaces.namespace, replaces.name):
        detail = f"A new version keeps its name: {replaces.namespace}/{replaces.name}."
        raise Unprocessable(detail, errors=[{"pointer": pointer, "detail": detail}])
