"""SQLAlchemy's ORM, asynchronous, over psycopg: a session per query, as a request has one."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The registry."""


class Item(Base):
    """A row."""

    __tablename__ = "items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    data: Mapped[dict] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


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
            return (await session.scalars(sa.select(Item).order_by(Item.id.desc()).limit(limit))).all()

    return get, page
