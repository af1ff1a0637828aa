"""Texts with their embeddings, kept in collections: the contract's documents, and what describes the user's tables.

Their table exists only where the extension pgvector does; without it everything here raises NotSetUp.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from lib import db
from lib.errors import NotSetUp
from lib.store.values import encode, rfc3339

# As the table has it: the index takes 2,000 at most, and the common models give 384 to 1,536.
DIMENSIONS = 1536

_MISSING = (
    "Documents need the extension pgvector (0.5 or newer) in the database of DATABASE_URL:"
    " let its owner run `create extension vector` there, then run `python -m lib.migrate` again."
)


@dataclass(frozen=True)
class NewMemory:
    """A text to be kept under its key; `embedding` has DIMENSIONS numbers at most."""

    key: str
    text: str
    metadata: dict[str, Any]
    embedding: Sequence[float] | None = None


@dataclass(frozen=True)
class Remembered:
    """What became of a text: `created` unless its key was there before."""

    key: str
    created: bool


@dataclass(frozen=True)
class Memory:
    """A text as it is kept."""

    key: str
    text: str
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {
            "key": self.key,
            "text": self.text,
            "metadata": self.metadata,
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
        }


@dataclass(frozen=True)
class Recalled(Memory):
    """A text that was found; scores compare within one answer only."""

    score: float

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {**super().to_json(), "score": self.score}


@dataclass(frozen=True)
class _Known:
    key: str
    metadata: dict[str, Any]


async def remember(collection: str, memories: Sequence[NewMemory], model: str | None) -> list[Remembered]:
    """Keep these texts, of which no two have one key; `model` is whose embeddings they are."""
    columns = (
        [memory.key for memory in memories],
        [memory.text for memory in memories],
        [encode(memory.metadata) for memory in memories],
        [_write_vector(memory.embedding) for memory in memories],
    )
    async with _needing_vectors():
        return await db.fetch(
            "select key, created from ratchet.remember(%s, %s::text[], %s::text[], %s::text[], %s::text[], %s)",
            (collection, *columns, model),
            Remembered,
        )


async def recall(
    collection: str,
    query: str,
    *,
    embedding: Sequence[float] | None = None,
    model: str | None = None,
    metadata: dict[str, Any] | None = None,
    limit: int,
) -> list[Recalled]:
    """The best first: by words, and by meaning with an embedding of the query by this model.

    `metadata` is what theirs must contain.
    """
    async with _needing_vectors():
        return await db.fetch(
            "select key, text, metadata, created_at, updated_at, score"
            " from ratchet.recall(%s, %s, %s, %s, %s, %s::integer)",
            (
                collection,
                query,
                _write_vector(embedding),
                model,
                encode(metadata) if metadata is not None else None,
                limit,
            ),
            Recalled,
        )


async def list_memories(collection: str, *, limit: int, before: tuple[datetime, str] | None = None) -> list[Memory]:
    """Newest first; `before` are time and key of the last one of the page before."""
    at, key = before or (None, None)
    async with _needing_vectors():
        return await db.fetch(
            "select key, text, metadata, created_at, updated_at from ratchet.memories"
            " where collection = %(collection)s"
            " and (%(at)s::timestamptz is null or (created_at, key) < (%(at)s, %(key)s))"
            " order by created_at desc, key desc limit %(limit)s",
            {"collection": collection, "at": at, "key": key, "limit": limit},
            Memory,
        )


async def read_metadata(collection: str, keys: Sequence[str], model: str) -> dict[str, dict[str, Any]]:
    """The metadata of those of these keys that have an embedding by this model."""
    async with _needing_vectors():
        rows = await db.fetch(
            "select key, metadata from ratchet.memories where collection = %s and key = any(%s::text[]) and model = %s",
            (collection, list(keys), model),
            _Known,
        )
    return {row.key: row.metadata for row in rows}


def _write_vector(embedding: Sequence[float] | None) -> str | None:
    """The vector as Postgres reads it, filled up with zeros.

    Zeros add nothing to a length or to a product: of vectors that are filled up alike, all distances stay.
    """
    if embedding is None:
        return None
    # Here, because most functions never need it. As text: the binary form would have to ask the database for the
    # type's number on every connection, and transaction-mode poolers change them under us.
    from pgvector import Vector

    return Vector([*embedding, *[0.0] * (DIMENSIONS - len(embedding))]).to_text()


@asynccontextmanager
async def _needing_vectors() -> AsyncIterator[None]:
    """Say what is missing where the table is."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as exc:
        raise NotSetUp(_MISSING) from exc
