"""SQLModel: pydantic models as SQLAlchemy's ORM classes."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession


class Item(SQLModel, table=True):
    """A row."""

    __tablename__ = "items"
    id: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True))
    name: str
    data: dict = Field(sa_column=sa.Column(JSONB))
    created_at: datetime = Field(sa_column=sa.Column(sa.DateTime(timezone=True)))


async def connect(url):
    """The two queries."""
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+psycopg://"),
        isolation_level="AUTOCOMMIT",
        connect_args={"prepare_threshold": None},
    )

    async def get(id):
        async with AsyncSession(engine) as session:
            row = await session.get_one(Item, id)
        return row.id, row.name

    async def page(limit):
        async with AsyncSession(engine) as session:
            return (await session.exec(select(Item).order_by(Item.id.desc()).limit(limit))).all()

    return get, page
