"""What a change of the schema does to tables that are in use: reading or writing them whole, or keeping others out."""

import re
from typing import Any, LiteralString

import psycopg

_TABLES: LiteralString = """
select c.oid, c.relname, c.relfilenode from pg_class c
where c.relnamespace = 'ratchet'::regnamespace and c.relkind = 'r' and c.relname <> 'migrations'
"""
_SCANS: LiteralString = "select relid, seq_scan from pg_stat_xact_user_tables where schemaname = 'ratchet'"
_BUILDS: LiteralString = """
select relation from pg_locks
where pid = pg_backend_pid() and mode in ('ShareLock', 'ShareRowExclusiveLock') and relation is not null
"""


async def find_harm(conn: psycopg.AsyncConnection[Any], statements: str) -> list[str]:
    """What these statements do to the tables there were before, as sentences; leaves the transaction open.

    An ACCESS EXCLUSIVE lock alone is none: it is held for as long as the migration takes, which is short as long as
    nothing in it depends on how much is in a table. A comment that says the same, and after a colon why that is fine
    (`-- runs takes no writes meanwhile: a second for a million of them`), excuses it.
    """
    before = {oid: (name, file) for oid, name, file in await _fetch(conn, _TABLES)}
    read = dict(await _fetch(conn, _SCANS))
    await conn.execute(statements.encode())
    files = {oid: file for oid, _, file in await _fetch(conn, _TABLES)}
    builds = {oid for (oid,) in await _fetch(conn, _BUILDS)}
    scans = dict(await _fetch(conn, _SCANS))
    harm = [f"{name} is written anew" for oid, (name, file) in before.items() if files.get(oid, file) != file]
    harm += [f"{name} takes no writes meanwhile" for oid, (name, _) in before.items() if oid in builds]
    scanned = {oid for oid in before if scans.get(oid, 0) > read.get(oid, 0)} - builds
    harm += [f"{before[oid][0]} is read whole" for oid in scanned]
    excused = re.findall(r"^-- (.+?): .+", statements, re.MULTILINE)
    return sorted(each for each in harm if each not in excused)


async def _fetch(conn: psycopg.AsyncConnection[Any], query: LiteralString) -> list[Any]:
    return await (await conn.execute(query)).fetchall()
