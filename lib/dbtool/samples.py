"""Values that a column has in many rows (a status, a kind), as the statistics know them: they tell a model how to ask.

Rule: only what the read login may read, no value that only one row has, and nothing of columns that look private.
"""

import re
from collections.abc import Mapping
from typing import LiteralString

from psycopg.rows import tuple_row

from lib.dbtool import logins
from lib.dbtool.catalog import Catalog
from lib.dbtool.relevance import Name, Samples
from lib.errors import QueryFailed

MAX_VALUES = 20
MAX_CHARACTERS = 40
_SECONDS = 5.0
_PRIVATE = re.compile(
    r"pass|pwd|secret|token|hash|salt|key|credential|auth|cookie|session|mail|phone|mobile|fax|address|street|birth"
    r"|first_?name|last_?name|full_?name|user_?name|login|ssn|social|tax|iban|account|card|cvv|pin|salary|ip$",
    re.IGNORECASE,
)

# The most common values are those that were seen more than once. A negative n_distinct is a share of the rows:
# above a half, most values stand in one row only.
_STATISTICS: LiteralString = """
select s.schemaname, s.tablename, s.attname, s.most_common_vals::text::text[]
from pg_catalog.pg_stats s
join pg_catalog.pg_class c on c.relname = s.tablename
join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = s.schemaname
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = s.attname
join pg_catalog.pg_type t on t.oid = a.atttypid
where case when s.n_distinct < 0 then -s.n_distinct * c.reltuples else s.n_distinct end between 1 and %s
  and s.n_distinct >= -0.5 and s.most_common_vals is not null and not s.inherited
  and t.typcategory in ('S', 'E')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ratchet')
"""


async def read_samples(catalog: Catalog) -> Samples:
    """For each table of the catalog, the values of its columns that have few."""
    common = await _read_common()
    found: dict[Name, Mapping[str, list[str]]] = {}
    for name, table in catalog.tables.items():
        values = {
            column.name: list(catalog.enums.get(_bare(column.type), ())) or common.get((name, column.name), [])
            for column in table.columns
            if not _PRIVATE.search(column.name)
        }
        shown = {column: [value for value in known if _is_plain(value)] for column, known in values.items()}
        found[name] = {column: known[:MAX_VALUES] for column, known in shown.items() if known}
    return found


async def _read_common() -> dict[tuple[Name, str], list[str]]:
    """The most common values by table and column; none where the server does not show its statistics."""
    try:
        async with logins.transaction("read", seconds=_SECONDS) as conn:
            cursor = await conn.cursor(row_factory=tuple_row).execute(_STATISTICS, (MAX_VALUES,))
            rows = await cursor.fetchall()
    except QueryFailed:  # a hardened server, or a slow one: what samples are for, a question can do without
        return {}
    return {((schema, table), column): values for schema, table, column, values in rows}


def _is_plain(value: str) -> bool:
    """A short word or two, and no address of anybody."""
    return 0 < len(value) <= MAX_CHARACTERS and value.isprintable() and "@" not in value


def _bare(type_name: str) -> str:
    """A type's name without its schema and its quotes."""
    return type_name.rpartition(".")[2].strip('"')
