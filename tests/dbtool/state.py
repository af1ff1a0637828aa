"""What a statement could have changed, as one hash: the database's, and the session's own."""

import hashlib
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

# One text for each kind of thing outside the tables; each is cheap enough to ask after every statement.
_SURROUNDINGS = """
select array[
  (select string_agg(concat_ws(':', c.oid, c.relname, c.relkind, c.relfilenode, c.relacl, c.relrowsecurity), ','
     order by c.oid) from pg_class c where c.oid >= 16384),
  (select string_agg(concat_ws(':', p.oid, p.proname, p.proacl, md5(p.prosrc)), ',' order by p.oid)
     from pg_proc p where p.oid >= 16384),
  (select count(*) || ':' || coalesce(max(oid), 0) from pg_type),
  (select count(*) || ':' || coalesce(max(oid), 0) from pg_namespace where nspname !~ '^pg_(temp|toast_temp)'),
  (select count(*) || ':' || coalesce(max(oid), 0) from pg_trigger),
  (select count(*) || ':' || coalesce(max(oid), 0) from pg_policy),
  (select count(*) || ':' || coalesce(max(oid), 0) from pg_constraint),
  (select string_agg(a::text, ',' order by oid) from pg_authid a where a.oid >= 16384),
  (select string_agg(m::text, ',' order by m.roleid, m.member) from pg_auth_members m where m.member >= 16384),
  (select string_agg(s::text, ',') from pg_db_role_setting s),
  (select count(*) || ':' || coalesce(sum(length(l.data)), 0) from pg_largeobject l),
  (select string_agg(l.oid::text || coalesce(l.lomacl::text, ''), ',' order by l.oid) from pg_largeobject_metadata l),
  (select string_agg(slot_name, ',' order by slot_name) from pg_replication_slots),
  (select string_agg(gid, ',' order by gid) from pg_prepared_xacts),
  (select string_agg(concat_ws(':', l.classid, l.objid, l.objsubid, l.mode), ',' order by l.classid, l.objid)
     from pg_locks l join pg_database d on d.oid = l.database
     where l.locktype = 'advisory' and d.datname = current_database())
]::text
"""
_SESSION = """
select array[
  (select string_agg(name || '=' || setting, ',' order by name) from pg_settings where source in ('session', 'client')),
  (select string_agg(channel, ',' order by channel) from pg_listening_channels() channel),
  (select string_agg(name, ',' order by name) from pg_cursors where is_holdable),
  (select string_agg(name, ',' order by name) from pg_prepared_statements where from_sql),
  session_user || '/' || current_user,
  coalesce(nullif(current_setting('rental.tenant', true), ''), '')
]::text
"""
_RELATIONS = """
select n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm', 'S') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ratchet')
order by 1, 2
"""

type Connection = psycopg.AsyncConnection[Any]


async def state_hash(conn: Connection, *, versions: bool = False, sequences: bool = True) -> str:
    """The hash of all rows, sequences, definitions, privileges, large objects and advisory locks of conn's database.

    `conn` has to be a superuser's. With `versions` the row versions count too: they show row locks and updates that
    change nothing, but also whatever was rolled back. `sequences=False` leaves out what no rollback gives back.
    """
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_RELATIONS)
        parts = [
            _rows_of(schema, name, kind, versions)
            for schema, name, kind in await cursor.fetchall()
            if sequences or kind != "S"
        ]
        await cursor.execute(sql.SQL(" union all ").join([*parts, sql.SQL(_SURROUNDINGS)]))
        return hashlib.sha256(repr(await cursor.fetchall()).encode()).hexdigest()


async def session_hash(conn: Connection) -> str:
    """The hash of what conn's own session keeps: settings, listened channels, cursors, prepared statements, roles."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SESSION)
        return hashlib.sha256(repr(await cursor.fetchone()).encode()).hexdigest()


def _rows_of(schema: str, name: str, kind: str, versions: bool) -> sql.Composable:
    """A query for the hash of one relation's rows, whatever their order."""
    if kind == "S":
        columns = "concat(last_value, is_called)"
    else:
        columns = "concat(t, ctid, xmin, xmax)" if versions else "t::text"
    return sql.SQL(
        "select coalesce(md5(string_agg(row, ',' order by row)), '') from (select {} as row from {} t) rows"
    ).format(sql.SQL(columns), sql.Identifier(schema, name))
