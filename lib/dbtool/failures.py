"""What the database says when it cannot run a statement, told to the caller without anybody's data."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import psycopg

from lib.errors import DatabaseDown, QueryFailed

# Their primary messages name things and rules, never values: https://www.postgresql.org/docs/current/errcodes-appendix.html
_PLAIN = ("21", "23", "25", "2B", "40", "42501", "44", "53", "55", "57")
# These do only where they point at a place in the statement: at run time, `to_tsquery(name)` quotes a name in one.
_PLAIN_WITH_PLACE = ("0A", "42", "54")
_AWAY = ("08", "53300", "57P01", "57P02", "57P03", "57P05")
_MESSAGE_CHARACTERS = 300
# A server may speak another language (lc_messages), and quote as that one does.
_QUOTED = re.compile(r"""["'`«»‹›„“”‚‘’「」『』].*["'«»‹›“”‘’「」『』]""", re.DOTALL)
_TIMEOUT = "57014"


@contextmanager
def told() -> Iterator[None]:
    """Turn the database's errors into QueryFailed, or DatabaseDown when nobody answers.

    The original error is not chained: its text may hold rows, and a traceback would write it to a log.
    """
    try:
        yield
    except psycopg.Error as exc:
        fail(exc)


def fail(exc: psycopg.Error, position: int | None = None) -> NoReturn:
    """Raise what the caller may know of this error; `position` is in the text as sent, in characters from 1."""
    sqlstate = exc.sqlstate or ""
    if not sqlstate or sqlstate.startswith(_AWAY):
        raise DatabaseDown from None
    where = {} if position is None else {"position": position}
    raise QueryFailed(_sentence(exc, sqlstate), sqlstate=sqlstate, **where) from None


def too_slow(seconds: float) -> QueryFailed:
    """The statement had its time, by our clock or the server's."""
    return QueryFailed(f"The statement took longer than {seconds:g} s and was stopped.", sqlstate=_TIMEOUT)


def _sentence(exc: psycopg.Error, sqlstate: str) -> str:
    """The primary message; quoted text in it is a value and is left out, but for what is plain.

    `select secret::integer from …` would otherwise read the secret to whoever asks.
    """
    message = exc.diag.message_primary or "The database could not run the statement"
    if not sqlstate.startswith(_PLAIN + (_PLAIN_WITH_PLACE if exc.diag.statement_position else ())):
        message = _QUOTED.sub('"…"', message)
    if sqlstate.startswith("42") and exc.diag.message_hint:
        message = f"{message}. {exc.diag.message_hint}"
    message = message[:_MESSAGE_CHARACTERS].rstrip(".")
    return f"{message[:1].upper()}{message[1:]}."
