"""What the database says is told without anybody's data, in whatever language it speaks."""

import psycopg
import pytest

from lib.dbtool.failures import fail
from lib.dev.postgres import Server
from lib.errors import QueryFailed


@pytest.mark.parametrize(("opening", "closing"), ['""', "''", "«»", "»«", "„“", "“”", "‘’", "‚‘", "‹›", "「」", "『』"])
def test_a_quoted_value_is_left_out_in_every_language(server: Server, opening: str, closing: str):
    message = f"ungültig: {opening}hunter{closing} oder {opening}2{closing} ist keine Zahl"
    block = f"do $$ begin raise exception using message = $m${message}$m$, errcode = '22P02'; end $$"
    with psycopg.connect(server.url("postgres")) as conn, pytest.raises(psycopg.Error) as refused:
        conn.execute(block.encode())
    with pytest.raises(QueryFailed) as told:
        fail(refused.value)
    assert told.value.detail == 'Ungültig: "…" ist keine Zahl.'
