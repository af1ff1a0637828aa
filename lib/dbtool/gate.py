"""What may be sent at all: text of bounded size, without characters that end or hide a statement."""

import re

from lib.dbtool.refusals import refused

# The time to judge a statement grows with it; data belongs into parameters.
MAX_BYTES = 40_000

# Tab, line feed, form feed and carriage return are PostgreSQL's white space; libpq cuts a statement at a NUL.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def admit(sql: object) -> str:
    """The statement as sent, if it can be looked at: raises QueryRefused with the place of the first bad character."""
    if not isinstance(sql, str):
        raise refused("not_text", 1)
    if len(sql) > MAX_BYTES:
        raise refused("too_long", MAX_BYTES + 1)
    try:
        size = len(sql.encode())
    except UnicodeEncodeError as error:
        raise refused("not_text", error.start + 1) from error
    if size > MAX_BYTES:
        raise refused("too_long", len(sql))
    if control := _CONTROL.search(sql):
        raise refused("control_character", control.start() + 1)
    return sql
