"""What the database tool's write login may do in our schema: commit a step together with its statement, no more."""

from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import tuple_row

# The grants for the login of a URL, if it is one of this database; a pooler may want the tenant behind a role's name.
_GRANTS: LiteralString = """
with writer as (
  select r.rolname from pg_roles r
  where r.rolname::text in (%(user)s::text, split_part(%(user)s::text, '.', 1))
    and %(database)s::text = current_database() and not r.rolsuper and r.rolname <> current_user
  order by r.rolname::text <> %(user)s::text limit 1
)
select format('grant usage on schema ratchet to %%I', rolname) from writer
union all
select format('grant execute on function %%s to %%I', p.oid::regprocedure, rolname)
from writer, pg_proc p
where p.pronamespace = 'ratchet'::regnamespace and p.proname in ('commit_statement', 'is_key_held')
"""
# What stands against letting that login in.
_OBSTACLES: LiteralString = """
select %(database)s::text <> current_database() as elsewhere, r.rolname is null as unknown, r.rolsuper as mighty,
  r.rolname = current_user as owns
from (select) as always
left join pg_roles r on r.rolname::text in (%(user)s::text, split_part(%(user)s::text, '.', 1))
order by r.rolname::text <> %(user)s::text limit 1
"""
_SENTENCES = (
    "DB_TOOL_WRITE_URL leads to another database",
    "the login of DB_TOOL_WRITE_URL does not exist here",
    "the login of DB_TOOL_WRITE_URL is a superuser",
    "the login of DB_TOOL_WRITE_URL is the one that migrates",
)


async def admit_writer(conn: psycopg.AsyncConnection[Any], write_url: str) -> bool:
    """Let the login of `write_url` commit steps with its statements; answers False if it is no login of this database.

    What our functions were open to is closed to everybody but their owner: with the schema's door open to the
    writer, they would be open to it, too.
    """
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_GRANTS, _names(write_url))
        statements = [statement for (statement,) in await cursor.fetchall()]
        if statements:
            await cursor.execute("revoke execute on all routines in schema ratchet from public")
        for statement in statements:
            await cursor.execute(statement.encode())
    return bool(statements)


async def why_not_admitted(conn: psycopg.AsyncConnection[Any], write_url: str) -> str | None:
    """Why `admit_writer` does not let this login in; None where it does."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_OBSTACLES, _names(write_url))
        found = await cursor.fetchone() or ()
    return next((sentence for sentence, holds in zip(_SENTENCES, found, strict=True) if holds), None)


def _names(write_url: str) -> dict[str, str]:
    """The user and the database that libpq would take from this URL."""
    parts = conninfo_to_dict(write_url)
    user = str(parts.get("user") or "")
    return {"user": user, "database": str(parts.get("dbname") or user)}
