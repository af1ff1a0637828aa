"""SQLAlchemy Core, asynchronous, over psycopg."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import create_async_engine

items = sa.Table(
    "items",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("data", JSONB),
    sa.Column("created_at", sa.DateTime(timezone=True)),
)


async def connect(url):
    """The two queries."""
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+psycopg://"),
        isolation_level="AUTOCOMMIT",
        connect_args={"prepare_threshold": None},
    )

    async def get(id):
        async with engine.connect() as conn:
            row = (await conn.execute(sa.select(items).where(items.c.id == id))).one()
        return row.id, row.name

    async def page(limit):
        async with engine.connect() as conn:
            return (await conn.execute(sa.select(items).order_by(items.c.id.desc()).limit(limit))).all()

    return get, page
