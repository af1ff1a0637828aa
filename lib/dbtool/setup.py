"""`python -m lib.dbtool.setup`: the two logins of the database tool, made or checked.

Without an option it prints the SQL for the owner to read and changes nothing.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lib.config import check_connection, settings
from lib.dbtool import grants
from lib.dbtool.walls import READER, WRITER, Connection, Wishes
from lib.dbtool.weaknesses import Weakness, find_hidden, find_weaknesses
from lib.errors import NotConfigured, RatchetError

OLDEST = 150000  # PostgreSQL 15: the catalogs that the queries read
_CONNECT_SECONDS = 10

DESCRIPTION = """\
Make the two logins of the database tool: one that reads, one that writes, both as small as they can be.

Without --apply or --check nothing is changed: the SQL is printed, for you to read and to run.

  python -m lib.dbtool.setup                       print the SQL for the database of DATABASE_URL
  python -m lib.dbtool.setup --apply               run it, and print DB_TOOL_READ_URL and DB_TOOL_WRITE_URL once
  python -m lib.dbtool.setup --check               examine the logins of DB_TOOL_READ_URL and DB_TOOL_WRITE_URL
  python -m lib.dbtool.setup --apply --schema shop --write-table orders --exclude-column customers.iban
"""

EPILOG = """\
Run it as the owner of the tables. Only --harden and the bound on temporary files need a superuser: what --apply may
not do, it prints for somebody else to run. It may be run again at any time, and should be after each change of your
tables: a table, column or function that is new stays closed until then. Name the same options each time: what is not
named is as it is by default.

What other roles could do they still can: what is taken from everybody (temporary tables, EXECUTE on functions) is
granted to them by name; a role that is made later has to be granted what it needs. Columns that look like secrets
(password, hash, token, key, pin, iban ...) and views that show them or call functions that act are left out; the
list is printed, and --include-column opens a column. A function that the logins shall call: grant execute on it to
them by hand (and only if it changes nothing); that stays.

--check ends with 1 if there is a weakness. Advice is listed too, and does not count.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `set_up` came to: the new passwords by role, and what this connection was not allowed to do."""

    passwords: Mapping[str, str]
    undone: Sequence[grants.Undone]


async def set_up(
    url: str, wishes: Wishes, passwords: Mapping[str, str] | None = None, *, plain: bool = False
) -> Outcome:
    """Make the database of `url` as wished, in one transaction; roles without a password given get a new one.

    An existing role keeps its password unless `passwords` names it.
    """
    async with _connect(url) as conn, conn.transaction():
        missing = await grants.missing_roles(conn, wishes)
        passwords = {role: grants.make_password() for role in missing} | dict(passwords or {})
        undone = await grants.apply(conn, await grants.plan(conn, wishes, passwords, plain=plain))
        return Outcome(passwords, undone)


def login_url(url: str, role: str, password: str, user: str) -> str:
    """`url` with another login; `user` is the role that `url` came in as.

    A pooler may want the tenant behind the role's name, as in postgres.abcdef: it stays.
    """
    parts = conninfo_to_dict(url)
    tenant = str(parts.get("user") or "").removeprefix(user) if parts.get("user") != user else ""
    name = f"{quote(role + tenant, safe='')}:{quote(password, safe='')}"
    if "://" in url:
        split = urlsplit(url)
        return urlunsplit(split._replace(netloc=f"{name}@{split.netloc.rpartition('@')[2]}"))
    place = f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}"
    return f"postgresql://{name}@{place}/{quote(str(parts.get('dbname', '')), safe='')}"


def main(arguments: Sequence[str]) -> int:
    """The command line; answers the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        run = _check if chosen.check else _apply if chosen.apply else _print
        return asyncio.run(run(chosen))
    except (RatchetError, psycopg.Error) as error:
        sys.stderr.write(f"setup: {str(error).strip()}\n")
        return 2


async def _print(chosen: argparse.Namespace) -> int:
    """The SQL on stdout; what must not lie in a file, the URLs, on stderr."""
    wishes, url = _wishes(chosen), _url(chosen)
    async with _connect(url) as conn, conn.transaction():
        roles = await grants.missing_roles(conn, wishes)
        passwords = {role: grants.make_password() for role in _roles(wishes) if chosen.rotate or role in roles}
        changes = await grants.plan(conn, wishes, passwords, plain=chosen.plain_password)
        user = await _user(conn)
    lines = ["begin;"]
    for why, group in groupby(changes, key=lambda change: change.why):
        lines += ["", f"-- {why}", *(change.statement for change in group)]
    sys.stdout.write("\n".join([*lines, "", "commit;", ""]))
    sys.stderr.write("\n".join(["", "Once it has run:", "", *_urls(url, wishes, passwords, user), ""]))
    return 0


async def _apply(chosen: argparse.Namespace) -> int:
    wishes, url = _wishes(chosen), _url(chosen)
    passwords = {role: grants.make_password() for role in _roles(wishes)} if chosen.rotate else {}
    outcome = await set_up(url, wishes, passwords, plain=chosen.plain_password)
    async with _connect(url) as conn:
        user = await _user(conn)
        found = [weakness for role in _roles(wishes) for weakness in await find_weaknesses(conn, wishes, role)]
        hidden = await find_hidden(conn, wishes)
    lines = [*_urls(url, wishes, outcome.passwords, user), ""]
    if outcome.undone:
        lines += ["This connection was not allowed to do everything. Somebody else has to run:", ""]
        lines += [line for each in outcome.undone for line in (f"-- {each.reason}", each.statement)] + [""]
    if hidden:
        lines += [
            "Closed to both logins, by name or because they look like secrets:",
            *(f"  {name}" for name in hidden),
            "",
        ]
    sys.stdout.write("\n".join([*lines, *_describe(found), ""]))
    return 0


async def _check(chosen: argparse.Namespace) -> int:
    """Each login through its own URL, or both by name through --url."""
    tool = settings().database_tool
    found: list[Weakness] = []
    if chosen.url:
        wishes = _wishes(chosen)
        async with _connect(_url(chosen)) as conn:
            for role in _roles(wishes):
                found += await find_weaknesses(conn, wishes, role)
    elif tool.read_url and tool.write_url:
        async with _connect(tool.read_url) as reads, _connect(tool.write_url) as writes:
            chosen.read_role, chosen.write_role = await _user(reads), await _user(writes)
            wishes = _wishes(chosen)
            found += await find_weaknesses(reads, wishes, wishes.read_role)
            found += await find_weaknesses(writes, wishes, wishes.write_role)
    else:
        raise NotConfigured("Set DB_TOOL_READ_URL and DB_TOOL_WRITE_URL, or name a database with --url.")
    sys.stdout.write("\n".join([*_describe(found), ""]))
    return 1 if any(weakness.rank == "weakness" for weakness in found) else 0


def _describe(found: Sequence[Weakness]) -> list[str]:
    """Each kind of weakness with its sentence, then what was found, for which login, and the SQL that mends it."""
    kinds: dict[tuple[str, str], dict[tuple[str, str], list[str]]] = {}
    for each in found:
        things = kinds.setdefault((each.rank, each.sentence), {})
        things.setdefault((each.what, each.fix), []).append(each.login)
    lines = []
    for (rank, sentence), things in sorted(kinds.items(), key=lambda kind: kind[0][0] == "advice"):
        lines += [f"{rank.upper()}  {sentence}"]
        for (what, fix), logins in things.items():
            lines += [f"  {' and '.join(dict.fromkeys(logins))}: {what}", f"      {fix}"]
        lines += [""]
    weak = sum(len(things) for (rank, _), things in kinds.items() if rank == "weakness")
    return [*lines, f"{weak or 'No'} weakness{'es' if weak > 1 else ''} found."]


def _urls(url: str, wishes: Wishes, passwords: Mapping[str, str], user: str) -> list[str]:
    names = {"DB_TOOL_READ_URL": wishes.read_role, "DB_TOOL_WRITE_URL": wishes.write_role}
    return [
        f"{name}={login_url(url, role, passwords[role], user)}"
        if role in passwords
        else f"{name} stays as it is ({role} keeps its password; --rotate makes a new one)."
        for name, role in names.items()
    ]


def _roles(wishes: Wishes) -> tuple[str, str]:
    return wishes.read_role, wishes.write_role


async def _user(conn: Connection) -> str:
    row = await (await conn.execute("select session_user")).fetchone()
    return str(row[0]) if row else ""


@asynccontextmanager
async def _connect(url: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(
        url, autocommit=True, prepare_threshold=None, connect_timeout=_CONNECT_SECONDS
    ) as conn:
        if conn.info.server_version < OLDEST:
            raise NotConfigured(f"The database tool needs PostgreSQL {OLDEST // 10_000} or later.")
        yield conn


def _url(chosen: argparse.Namespace) -> str:
    if chosen.url:
        return check_connection("--url", chosen.url)
    if url := settings().database_url:
        return url
    raise NotConfigured("Set DATABASE_URL, or name a database with --url.")


def _wishes(chosen: argparse.Namespace) -> Wishes:
    return Wishes(
        read_role=chosen.read_role,
        write_role=chosen.write_role,
        schemas=tuple(chosen.schema),
        write_tables=tuple(chosen.write_table),
        hide=tuple(chosen.exclude_column),
        show=tuple(chosen.include_column),
        harden=chosen.harden,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lib.dbtool.setup",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--apply", action="store_true", help="run the SQL instead of printing it")
    mode.add_argument("--check", action="store_true", help="list what is weak, with the SQL that mends it")
    parser.add_argument("--url", default="", help="the owner's connection to the database (default: DATABASE_URL)")
    parser.add_argument("--read-role", default=READER, metavar="NAME", help="(default: %(default)s)")
    parser.add_argument("--write-role", default=WRITER, metavar="NAME", help="(default: %(default)s)")
    several: dict[str, str] = {
        "--schema": "a schema they may look into (default: all that you own, without what hosting platforms add)",
        "--write-table": "a table whose rows may be changed, perhaps with its schema (default: all)",
        "--exclude-column": "table.column: closed to both",
        "--include-column": "table.column: open, although its name looks like a secret's",
    }
    for name, text in several.items():
        parser.add_argument(name, action="append", default=[], metavar="NAME", help=f"{text}; repeatable")
    parser.add_argument(
        "--harden", action="store_true", help="also close the server's own functions that act (superuser)"
    )
    parser.add_argument("--rotate", action="store_true", help="new passwords for roles that exist")
    parser.add_argument(
        "--plain-password", action="store_true", help="send passwords as they are: some hosts take no verifiers"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
