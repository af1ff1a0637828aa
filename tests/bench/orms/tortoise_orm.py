"""Tortoise, over psycopg."""

from tortoise import Tortoise, fields
from tortoise.models import Model


class Item(Model):
    """A row."""

    id = fields.BigIntField(primary_key=True)
    name = fields.TextField()
    data = fields.JSONField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "items"


async def connect(url):
    """The two queries."""
    await Tortoise.init(db_url=url.replace("postgresql://", "psycopg://"), modules={"models": [__name__]})

    async def get(id):
        row = await Item.get(id=id)
        return row.id, row.name

    async def page(limit):
        return await Item.all().order_by("-id").limit(limit)

    return get, page
