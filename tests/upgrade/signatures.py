"""What a release promises its database to be: every function, table and view of the schema, one line each.

`python -m tests.upgrade.signatures` adds to `signatures.txt` what is new. It takes nothing out: between the migration
and the end of a deployment, and after a rollback, the release before calls what it knows.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import LiteralString

import psycopg

from lib import migrate
from lib.dev.postgres import Server

FILE = Path(__file__).parent / "signatures.txt"

_QUERY: LiteralString = r"""
select format('function %s(%s) → %s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid))
from pg_proc p where p.pronamespace = 'ratchet'::regnamespace
union all
select format('%s %s.%s %s%s', case c.relkind when 'v' then 'view' else 'table' end, c.relname, a.attname,
              format_type(a.atttypid, a.atttypmod),
              case when a.attnotnull and not a.atthasdef and a.attidentity = '' then ', required' else '' end)
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'ratchet'::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped
"""


async def read_signatures(url: str) -> set[str]:
    """Those of a database, as lines."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        return {line for (line,) in await (await conn.execute(_QUERY)).fetchall()}


def promised() -> set[str]:
    """Those of the releases so far."""
    return set(FILE.read_text().splitlines()) if FILE.exists() else set()


# What no function of a release before names any more, since they are all replaced with the table, and no code of one
# but through a view of that name, which tells the same.
GIVEN_UP = ("table history.", "table steps.", "table run_states.", "table runs.seq ")


def complain(known: set[str], found: set[str]) -> str | None:
    """What would break the release before this one, as a sentence; None if nothing does."""
    kept = {line for line in known if not line.startswith(GIVEN_UP)}
    if gone := sorted(line for line in kept - found if not _still_takes(line, found)):
        what = "\n  ".join(gone)
        return (
            "The release before this one goes on calling what is gone or changed here; leave it as it was, "
            f"and add another beside it, named with _v2:\n  {what}"
        )
    tables = {_table(line) for line in known}
    required = sorted(line for line in found - known if line.endswith(", required") and _table(line) in tables)
    if required:
        what = "\n  ".join(required)
        return (
            f"The release before this one knows nothing of a new column: it needs a default, or may be null:\n  {what}"
        )
    return None


def _still_takes(line: str, found: set[str]) -> bool:
    """Whether calls of this function still find one: it takes more than it did, and all of that has defaults."""
    called, _, result = line.partition(") → ")
    for other in found:
        takes, _, answers = other.partition(") → ")
        more = takes.removeprefix(f"{called}, ")
        if answers == result and more != takes and all(" DEFAULT " in each for each in more.split(", ")):
            return True
    return False


def _table(line: str) -> str:
    return line.partition(".")[0]


def main() -> int:
    """Write down what is new; refuses, with the reason, when something is gone."""
    with (
        tempfile.TemporaryDirectory(prefix="signatures-") as folder,
        Server(Path(folder, "data"), durable=False) as server,
    ):
        url = server.create_database("signatures")
        asyncio.run(migrate.migrate(url))
        found = asyncio.run(read_signatures(url))
    if complaint := complain(promised(), found):
        sys.stderr.write(f"{complaint}\n")
        return 1
    FILE.write_text("".join(f"{line}\n" for line in sorted(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
