"""What a run's entry says about mail: events it read, took, listens for and emits, children it starts and drops."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lib import db
from lib.store.values import encode


@dataclass(frozen=True, slots=True)
class Child:
    """A sub-workflow to start for an effect, once; a version of None means the newest."""

    effect: int
    namespace: str
    name: str
    version: str | None
    input: Any
    awaited: bool


type Listening = tuple[int, Sequence[str] | None, Mapping[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Mail:
    """What one run decided about mail since its last commit.

    `read` are ids of its inbox, `taken` the numbers of the events that it wanted among them. `listens` is all that
    it listens to now (None: as before), each a listener with its event types (None: any) and, by type, the only
    sources that it wants. `dropped` are effects whose children are no longer wanted.
    """

    read: Sequence[int] = ()
    taken: Sequence[int] = ()
    listens: Sequence[Listening] | None = None
    emitted: Sequence[Mapping[str, Any]] = ()
    children: Sequence[Child] = ()
    dropped: Sequence[int] = ()


@dataclass(frozen=True)
class _Inbox:
    mail: Any


async def read_inbox(run_id: UUID) -> list[dict[str, Any]]:
    """The oldest unread mail of a run, at most 1,000.

    Each has an `id`, and either an event and its `number`, or the `outcome` of an effect.
    """
    row = await db.fetch_one("select ratchet.read_inbox(%s) as mail", (run_id,), _Inbox)
    return list(row.mail)


def write_mail(mails: Sequence[tuple[UUID, Mail]]) -> tuple[Any, ...]:
    """The mail of a batch as commit_with_mail takes it.

    Values of the workflow travel in arrays of their own: Postgres takes no JSON apart that has a \\u0000 in it.
    """
    inputs: list[str] = []
    asked = [_write_one(run_id, mail, inputs) for run_id, mail in mails]
    sent = [(run_id, event) for run_id, mail in mails for event in mail.emitted]
    return (json.dumps(asked), inputs, [run_id for run_id, _ in sent], *write_events([event for _, event in sent]))


def write_events(events: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str], list[str], list[str]]:
    """Sources, ids, types and the events themselves, as columns."""
    return (
        [event["source"] for event in events],
        [event["id"] for event in events],
        [event["type"] for event in events],
        [encode(event) for event in events],
    )


def _write_one(run_id: UUID, mail: Mail, inputs: list[str]) -> dict[str, Any]:
    children = []
    for child in mail.children:
        inputs.append(encode(child.input))
        children.append(
            {
                "effect": child.effect,
                "namespace": child.namespace,
                "name": child.name,
                "version": child.version,
                "awaited": child.awaited,
                "input": len(inputs),
            }
        )
    return {
        "run": str(run_id),
        "read": list(mail.read),
        "taken": list(mail.taken),
        "listens": None if mail.listens is None else list(mail.listens),
        "children": children,
        "dropped": list(mail.dropped),
    }
