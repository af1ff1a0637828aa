"""What the read login may see of the user's database: schemas, tables, columns, and the names a guard must know."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg import AsyncCursor
from psycopg.rows import tuple_row

from lib.config import settings
from lib.dbtool import logins

_KEEP_SECONDS = 60.0
_READ_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Column:
    """A column that the read login may select; `type` as SQL spells it, `comment` empty where there is none."""

    name: str
    type: str
    nullable: bool
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of this table refer to `references`, the columns of the table (schema, name) `table`."""

    columns: tuple[str, ...]
    table: tuple[str, str]
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table, view, materialized view or foreign table (`kind`), with its readable columns in their order."""

    columns: tuple[Column, ...]
    comment: str = ""
    kind: str = "table"
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """The readable part of one database.

    `schemas` are in search order; `tables` are keyed by (schema, name); `functions` are the names of all functions
    that are not the server's own, `own_functions` those names among them that neither the server nor an extension
    alone has given; `types` are bare names of types that a cast may name, `domains` of those it may not, as they are
    domains or have one in them; `enums` maps an enum's bare name to its values.
    """

    schemas: tuple[str, ...] = ()
    tables: Mapping[tuple[str, str], Table] = field(default_factory=dict)
    functions: frozenset[str] = frozenset()
    own_functions: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


EMPTY = Catalog()

# The tool never speaks of information_schema's own tables or of Ratchet's.
# The login's own search path comes first, then the other schemas by name: its names mean here what they mean there.
_SCHEMAS: LiteralString = """
select n.nspname from pg_catalog.pg_namespace n
where pg_catalog.has_schema_privilege(n.oid, 'usage')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ratchet')
order by pg_catalog.array_position(%s::pg_catalog.name[], n.nspname), n.nspname
"""

_COLUMNS: LiteralString = """
select n.nspname, c.relname, c.relkind::text, coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), ''),
  a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), not a.attnotnull,
  coalesce(pg_catalog.col_description(c.oid, a.attnum), '')
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ratchet')
  and pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_column_privilege(c.oid, a.attnum, 'select')
order by n.nspname, c.relname, a.attnum
"""

_KEYS: LiteralString = """
select n.nspname, c.relname, k.contype::text,
  (select pg_catalog.array_agg(a.attname::text order by u.place)
     from pg_catalog.unnest(k.conkey) with ordinality u(number, place)
     join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number),
  fn.nspname, fc.relname,
  (select pg_catalog.array_agg(a.attname::text order by u.place)
     from pg_catalog.unnest(k.confkey) with ordinality u(number, place)
     join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number)
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_class fc on fc.oid = k.confrelid
left join pg_catalog.pg_namespace fn on fn.oid = fc.relnamespace
where k.contype in ('p', 'f')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ratchet')
order by n.nspname, c.relname, k.conname
"""

_FUNCTIONS: LiteralString = """
select p.proname, pg_catalog.bool_or(d.objid is null) and not exists (
  select from pg_catalog.pg_proc b
  where b.proname = p.proname and b.pronamespace = 'pg_catalog'::pg_catalog.regnamespace)
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
left join pg_catalog.pg_depend d
  on d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e'
where n.nspname not in ('pg_catalog', 'information_schema')
group by p.proname
"""

# Array types are not named in casts. A domain's check may call anything, also where the domain is part of another
# type, and so may a cast that somebody has made.
_TYPES: LiteralString = """
with recursive guarded(id) as (
  select t.oid from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  where t.typtype = 'd' and n.nspname not in ('pg_catalog', 'information_schema')
  union
  select c.casttarget from pg_catalog.pg_cast c join pg_catalog.pg_proc p on p.oid = c.castfunc
  where p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e')
  union
  select whole.id from guarded g, lateral (
    select t.oid from pg_catalog.pg_type t where t.typelem = g.id and t.typcategory = 'A'
    union all
    select t.oid from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.typrelid = a.attrelid
    where a.atttypid = g.id and a.attnum > 0 and not a.attisdropped
    union all
    select r.rngtypid from pg_catalog.pg_range r where r.rngsubtype = g.id
    union all
    select r.rngmultitypid from pg_catalog.pg_range r where r.rngsubtype = g.id
  ) whole(id)
)
select t.typname, t.oid in (select id from guarded),
  (select pg_catalog.array_agg(e.enumlabel::text order by e.enumsortorder)
     from pg_catalog.pg_enum e where e.enumtypid = t.oid)
from pg_catalog.pg_type t
join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ratchet') and t.typcategory <> 'A'
  and (t.typtype in ('b', 'd', 'e', 'm', 'r')
    or t.typtype = 'c' and exists (
      select from pg_catalog.pg_class c
      where c.oid = t.typrelid and c.relkind in ('c', 'r', 'p', 'v', 'm', 'f')))
"""

_KINDS = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}

type _Row = tuple[Any, ...]

_kept: tuple[str, float, Catalog] | None = None


async def read_catalog(*, fresh: bool = False) -> Catalog:
    """The catalog as the read login sees it, kept for a minute in this process; `fresh` reads it again now."""
    global _kept
    url = settings().database_tool.read_url
    if fresh or _kept is None or _kept[0] != url or time.monotonic() - _kept[1] > _KEEP_SECONDS:
        _kept = (url, time.monotonic(), await _read())
    return _kept[2]


async def _read() -> Catalog:
    async with logins.transaction("read", seconds=_READ_SECONDS) as conn:
        cursor = conn.cursor(row_factory=tuple_row)
        path = await _own_path(cursor)
        answers = []
        for query, parameters in (
            (_SCHEMAS, [path]),
            (_COLUMNS, None),
            (_KEYS, None),
            (_FUNCTIONS, None),
            (_TYPES, None),
        ):
            await cursor.execute(query, parameters)
            answers.append(await cursor.fetchall())
    schemas, columns, keys, functions, types = answers
    domains = frozenset(name for name, is_domain, _ in types if is_domain)
    return Catalog(
        schemas=tuple(name for (name,) in schemas),
        tables=_tables(columns, keys),
        functions=frozenset(name for name, _ in functions),
        own_functions=frozenset(name for name, is_own in functions if is_own),
        types=frozenset(name for name, _, _ in types) - domains,  # a name that is both is taken for the domain
        domains=domains,
        enums={name: tuple(values) for name, _, values in types if values},
    )


async def _own_path(cursor: AsyncCursor[_Row]) -> list[str]:
    """The schemas of the login's own search path, which the tool's transactions replace."""
    await cursor.execute("set local search_path to default")
    await cursor.execute("select pg_catalog.current_schemas(false)")
    ((path,),) = await cursor.fetchall()
    await cursor.execute("set local search_path to pg_catalog")
    return list(path)


def _tables(columns: Iterable[_Row], keys: Sequence[_Row]) -> dict[tuple[str, str], Table]:
    """The tables of these rows of columns; a key is told only where all its columns may be read."""
    found: dict[tuple[str, str], tuple[list[Column], str, str]] = {}
    for schema, name, kind, comment, *column in columns:
        found.setdefault((schema, name), ([], comment, _KINDS[kind]))[0].append(Column(*column))
    readable = {table: {column.name for column in each[0]} for table, each in found.items()}
    primary: dict[tuple[str, str], tuple[str, ...]] = {}
    foreign: dict[tuple[str, str], list[ForeignKey]] = {}
    for schema, name, kind, own, other_schema, other_name, others in keys:
        table, other = (schema, name), (other_schema, other_name)
        if not readable.get(table, set()).issuperset(own):
            continue
        if kind == "p":
            primary[table] = tuple(own)
        elif readable.get(other, set()).issuperset(others):
            foreign.setdefault(table, []).append(ForeignKey(tuple(own), other, tuple(others)))
    return {
        table: Table(tuple(each), comment, kind, primary.get(table, ()), tuple(foreign.get(table, ())))
        for table, (each, comment, kind) in found.items()
    }
