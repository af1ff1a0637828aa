"""Piccolo, over asyncpg."""

from piccolo.columns import JSONB, BigInt, Text, Timestamptz
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table

DB = PostgresEngine(config={})


class Item(Table, tablename="items", db=DB):
    """A row."""

    id = BigInt(primary_key=True)
    name = Text()
    data = JSONB()
    created_at = Timestamptz()


async def connect(url):
    """The two queries."""
    DB.config = {"dsn": url, "statement_cache_size": 0}
    await DB.start_connection_pool(min_size=1, max_size=1)

    async def get(id):
        row = await Item.objects().get(Item.id == id)
        return row.id, row.name

    async def page(limit):
        return await Item.objects().order_by(Item.id, ascending=False).limit(limit)

    return get, page
