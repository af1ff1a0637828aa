"""Time comes from one function, and a session can move it."""

from uuid import UUID

import psycopg
import pytest

NOON = "2030-01-02 12:00:00+00"


@pytest.fixture
def conn(direct_url: str):
    with psycopg.connect(direct_url, autocommit=True) as conn:
        yield conn


def test_set_ratchet_now_moves_the_clock(conn: psycopg.Connection):
    conn.execute(f"set ratchet.now = '{NOON}'")
    assert conn.execute("select ratchet.clock() = %s::timestamptz", (NOON,)).fetchone() == (True,)


def test_without_it_the_clock_runs(conn: psycopg.Connection):
    assert conn.execute("select ratchet.clock() between now() and clock_timestamp()").fetchone() == (True,)


def test_new_ids_are_uuid_version_7_of_that_moment(conn: psycopg.Connection):
    conn.execute(f"set ratchet.now = '{NOON}'")
    [(new,)] = conn.execute("select ratchet.new_id()").fetchall()
    assert isinstance(new, UUID)
    assert (new.version, new.variant) == (7, "specified in RFC 4122")
    [(moment,)] = conn.execute("select extract(epoch from %s::timestamptz)::bigint * 1000", (NOON,)).fetchall()
    assert int.from_bytes(new.bytes[:6]) == moment
