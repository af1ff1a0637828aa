"""The two least-privilege logins: what has to be said to a database for them, in order, and saying it.

A step that this connection may not take is left out and reported with its SQL; what the logins cannot do without
stops the whole, and then nothing has changed.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from lib.dbtool.walls import FOLDER, Connection, Wishes, ask, begin, read_wall, read_walls
from lib.errors import NotConfigured

CONNECTIONS = 20  # of each login: a warm instance keeps at most a few
MARK = "A login of Ratchet's database tool"
_NOT_DONE = frozenset({"01006", "01007"})  # warnings: a privilege was not revoked, not granted
# Said again only where it is wrong: naming some of these takes a superuser, even to say no.
_ATTRIBUTES = {
    "rolcanlogin": (True, "login"),
    "rolsuper": (False, "nosuperuser"),
    "rolcreatedb": (False, "nocreatedb"),
    "rolcreaterole": (False, "nocreaterole"),
    "rolreplication": (False, "noreplication"),
    "rolbypassrls": (False, "nobypassrls"),
    "rolinherit": (False, "noinherit"),
    "rolconnlimit": (CONNECTIONS, f"connection limit {CONNECTIONS}"),
}

_ROLES = """
select r.*, pg_catalog.shobj_description(r.oid, 'pg_authid') as mark
from pg_catalog.pg_roles r where r.rolname = any(%s)
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A statement, the sentence that says what for, and whether the logins are useless without it."""

    statement: str
    why: str
    needed: bool


@dataclass(frozen=True, slots=True)
class Undone:
    """A statement that the database did not carry out, and its reason."""

    statement: str
    reason: str


def make_password() -> str:
    """A password of 192 random bits that needs no escaping in a URL."""
    return secrets.token_urlsafe(24)


async def missing_roles(conn: Connection, wishes: Wishes) -> list[str]:
    """Those of the two roles that have to be made; refuses one that exists and is somebody else's."""
    found = await _read_roles(conn, wishes)
    return [name for name in (wishes.read_role, wishes.write_role) if name not in found]


async def plan(conn: Connection, wishes: Wishes, passwords: Mapping[str, str], *, plain: bool = False) -> list[Change]:
    """Every statement that makes the database as wished, read from its catalogs within the open transaction.

    `passwords` are by role and go as verifiers that cannot be turned back, unless `plain`.
    """
    await begin(conn, wishes)
    if unknown := [name for _, (name,) in await ask(conn, [read_wall(FOLDER / "unknown.sql")])]:
        raise NotConfigured(f"There is no {', no '.join(unknown)} that the logins could be given.")
    found = await _read_roles(conn, wishes)
    why = "Two logins of their own: they may log in, and nothing else yet."
    changes = [
        Change(text.as_string(conn), why, needed=True)
        for name in (wishes.read_role, wishes.write_role)
        for text in _role_statements(conn, name, found.get(name), passwords.get(name), plain=plain)
    ]
    walls = [*read_walls("grants"), *([read_wall(FOLDER / "hardening.sql")] if wishes.harden else [])]
    changes += [Change(text, wall.sentence, wall.rank == "needed") for wall, (text,) in await ask(conn, walls)]
    return changes


async def apply(conn: Connection, changes: Sequence[Change]) -> list[Undone]:
    """Run them within the open transaction; answers those that this connection may not run."""
    undone: list[Undone] = []
    warnings: list[str] = []

    def keep(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.sqlstate in _NOT_DONE:
            warnings.append(diagnostic.message_primary or "")

    conn.add_notice_handler(keep)
    try:
        for change in changes:
            warnings.clear()
            try:
                async with conn.transaction():
                    await conn.execute(change.statement.encode())
            except psycopg.errors.InsufficientPrivilege as error:
                if change.needed:
                    raise
                warnings.append(error.diag.message_primary or "")
            undone += [Undone(change.statement, reason) for reason in warnings[:1]]
    finally:
        conn.remove_notice_handler(keep)
    return undone


async def _read_roles(conn: Connection, wishes: Wishes) -> dict[str, dict[str, Any]]:
    """What the two roles are now, by name: never a role that does something else, which would lose all it has."""
    names = [wishes.read_role, wishes.write_role]
    if names[0] == names[1]:
        raise NotConfigured("The two logins need two names: a read must not be able to write.")
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_ROLES, [names])
        found = {role["rolname"]: role for role in await cursor.fetchall()}
    for name, role in found.items():
        if role["mark"] == MARK:
            continue
        sentence = f"The role {name} exists and was not made by this command: name another."
        if not role["rolsuper"] and name != conn.info.user:
            hand = sql.SQL("comment on role {} is {};").format(sql.Identifier(name), sql.Literal(MARK)).as_string(conn)
            sentence += f" Or, if nothing else uses it, hand it over: {hand}"
        raise NotConfigured(sentence)
    return found


def _role_statements(
    conn: Connection, name: str, found: Mapping[str, Any] | None, password: str | None, *, plain: bool
) -> Iterator[sql.Composable]:
    role = sql.Identifier(name)
    words = [sql.SQL(word) for column, (value, word) in _ATTRIBUTES.items() if not found or found[column] != value]
    secret = [sql.SQL("password {}").format(_verifier(conn, name, password, plain=plain))] if password else []
    if words or secret:
        verb = sql.SQL("alter role" if found else "create role")
        yield sql.SQL("{} {} {};").format(verb, role, sql.SQL(" ").join([*words, *secret]))
    if not found:
        yield sql.SQL("comment on role {} is {};").format(role, sql.Literal(MARK))


def _verifier(conn: Connection, role: str, password: str, *, plain: bool) -> sql.Literal:
    """The password as the server keeps it, so that no log of statements ever holds it."""
    if plain:
        return sql.Literal(password)
    return sql.Literal(conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode())
