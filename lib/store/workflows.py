"""Workflows and the documents that runs are pinned to."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lib import db
from lib.errors import NotFound
from lib.store.runs import Idempotency
from lib.store.values import encode, rfc3339


@dataclass(frozen=True)
class Workflow:
    """One published version of a workflow."""

    id: UUID
    namespace: str
    name: str
    version: str
    definition: Any
    type: str
    created_at: datetime
    updated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {
            "id": str(self.id),
            "namespace": self.namespace,
            "name": self.name,
            "version": self.version,
            "type": self.type,
            "definition": self.definition,
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
        }


@dataclass(frozen=True)
class _Published(Workflow):
    created: bool


@dataclass(frozen=True)
class _Definition:
    definition: Any


_KEY = re.compile(
    r"(?:(?P<namespace>[A-Za-z0-9-]{1,63})/)?(?P<name>[A-Za-z0-9-]{1,63})(?:@(?P<version>[0-9A-Za-z.+-]{1,255}))?"
)


async def publish_workflow(
    namespace: str,
    name: str,
    version: str,
    definition: Any,
    type_: str,
    document_hash: str,
    *,
    idempotency: Idempotency | None = None,
) -> tuple[Workflow, bool]:
    """The workflow and whether it is new, both as first answered if this is a request's repetition.

    Raises Conflict for another document under a published version, IdempotencyInFlight, IdempotencyMismatch.
    """
    row = await db.fetch_one(
        "select (p.workflow).id, (p.workflow).namespace, (p.workflow).name, (p.workflow).version,"
        " (p.workflow).definition, (p.workflow).type, (p.workflow).created_at, (p.workflow).updated_at, p.created"
        " from ratchet.publish_workflow(%s, %s, %s, %s, %s, %s, %s, %s) p",
        (
            namespace,
            name,
            version,
            type_,
            encode(definition),
            bytes.fromhex(document_hash),
            idempotency.key_hash if idempotency else None,
            idempotency.request_hash if idempotency else None,
        ),
        _Published,
    )
    workflow = Workflow(**{field: getattr(row, field) for field in Workflow.__dataclass_fields__})
    return workflow, row.created


async def find_workflow(key: str) -> Workflow:
    """By UUID, `name` or `namespace/name`, each also with `@version`; raises NotFound.

    Without a version the newest; without a namespace `default` goes first.
    """
    try:
        by_id: UUID | None = UUID(key)
    except ValueError:
        by_id = None
    match = _KEY.fullmatch(key)
    if not by_id and not match:
        raise NotFound(f"There is no workflow {key[:80]!r}.")
    named: dict[str, Any] = (
        match.groupdict() if match and not by_id else dict.fromkeys(("namespace", "name", "version"))
    )
    rows = await db.fetch(
        "select id, namespace, name, version, definition, type, created_at, updated_at from ratchet.workflows"
        " where (%(id)s::uuid is not null and id = %(id)s)"
        " or (name = %(name)s and (%(namespace)s::text is null or namespace = %(namespace)s)"
        "     and (%(version)s::text is null or version = %(version)s))"
        " order by namespace = 'default' desc, id desc limit 1",
        {"id": by_id, **named},
        Workflow,
    )
    if not rows:
        raise NotFound(f"There is no workflow {key[:80]!r}.")
    return rows[0]


async def list_workflows(
    *,
    name: str | None = None,
    namespace: str | None = None,
    q: str | None = None,
    limit: int,
    before: UUID | None = None,
) -> list[Workflow]:
    """Newest first; `q` is looked for in namespace and name, `before` is the last id of the page before."""
    return await db.fetch(
        "select id, namespace, name, version, definition, type, created_at, updated_at from ratchet.workflows"
        " where (%(name)s::text is null or name = %(name)s)"
        " and (%(namespace)s::text is null or namespace = %(namespace)s)"
        " and (%(q)s::text is null or strpos(lower(namespace || '/' || name), lower(%(q)s)) > 0)"
        " and (%(before)s::uuid is null or id < %(before)s)"
        " order by id desc limit %(limit)s",
        {"name": name, "namespace": namespace, "q": q, "before": before, "limit": limit},
        Workflow,
    )


async def delete_workflow(workflow_id: UUID, *, cascade: bool) -> None:
    """Delete this version; raises Conflict while runs are live, unless `cascade` cancels them."""
    async with db.connection() as conn:
        await conn.execute("select ratchet.delete_workflow(%s, %s)", (workflow_id, cascade))


async def read_document(document_hash: bytes) -> Any:
    """The definition a run is pinned to; documents are never deleted."""
    row = await db.fetch_one("select definition from ratchet.documents where hash = %s", (document_hash,), _Definition)
    return row.definition
