"""What is weak about a database and a login of the tool, each with the SQL that mends it."""

from dataclasses import dataclass

from lib.dbtool.walls import FOLDER, Connection, Wishes, ask, begin, read_wall, read_walls
from lib.errors import NotConfigured


@dataclass(frozen=True, slots=True)
class Weakness:
    """One thing found: `code` and `sentence` say which kind, `what` which thing, `fix` how to mend it.

    A `weakness` breaks what the tool promises of a login; `advice` is a wall more, which not every host lets build.
    """

    rank: str
    code: str
    sentence: str
    login: str
    what: str
    fix: str


async def find_weaknesses(conn: Connection, wishes: Wishes, login: str) -> list[Weakness]:
    """Everything found about `login` (one of the two in `wishes`), in any transaction and by any connection."""
    async with conn.transaction():
        await begin(conn, wishes, login)
        if not await (await conn.execute("select 1 from pg_roles where rolname = %s", [login])).fetchone():
            raise NotConfigured(f"There is no role {login} to be examined.")
        found = await ask(conn, read_walls("weaknesses"))
    return [
        Weakness(wall.rank, wall.name.partition("_")[2], wall.sentence, login, what, fix) for wall, (what, fix) in found
    ]


async def find_hidden(conn: Connection, wishes: Wishes) -> list[str]:
    """The columns and views of the wished schemas that are closed to both logins, in order."""
    async with conn.transaction():
        await begin(conn, wishes)
        return [name for _, (name,) in await ask(conn, [read_wall(FOLDER / "hidden.sql")])]
