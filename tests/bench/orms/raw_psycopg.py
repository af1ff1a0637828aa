"""psycopg with rows as frozen dataclasses: what the store does."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Item:
    """A row."""

    id: int
    name: str
    data: dict
    created_at: datetime


async def connect(url):
    """The two queries."""
    conn = await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=None)

    async def get(id):
        cursor = conn.cursor(row_factory=class_row(Item))
        row = await (
            await cursor.execute("select id, name, data, created_at from items where id = %s", (id,))
        ).fetchone()
        return row.id, row.name

    async def page(limit):
        cursor = conn.cursor(row_factory=class_row(Item))
        query = "select id, name, data, created_at from items order by id desc limit %s"
        return await (await cursor.execute(query, (limit,))).fetchall()

    return get, page
