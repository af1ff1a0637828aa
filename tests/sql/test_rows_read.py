"""What a claim and a commit cost does not grow with the runs beside theirs, even before anybody has counted those."""

from uuid import UUID, uuid4

import psycopg
import pytest

from lib import store
from lib.store import Mail, commits
from tests import mailroom

pytestmark = pytest.mark.anyio

DUE = 3000
TAKEN = 20
# A claimed run is found, locked, updated and read again; the same goes for a commit.
READS_PER_RUN = 10

ANOTHER = "jsonb_build_object('id', ratchet.new_id())"
COPIES = f"""
insert into ratchet.runs select (jsonb_populate_record(r, {ANOTHER})).* from ratchet.runs r, generate_series(1, %s);
"""
PAYLOADS = "insert into ratchet.run_payloads (run_id, input) select id, '{}' from ratchet.runs on conflict do nothing"
READ = """
select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) from pg_stat_xact_user_tables
where schemaname = 'ratchet' and relname in ('runs', 'run_payloads')
"""


@pytest.fixture
async def backlog(database: str) -> str:
    """The URL of a database with many due runs that no ANALYZE has seen."""
    await store.start_run(await mailroom.publish(), {}, "auto")
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        await conn.execute("alter table ratchet.runs set (autovacuum_enabled = off)")
        await conn.execute("alter table ratchet.run_payloads set (autovacuum_enabled = off)")
        await conn.execute(COPIES, (DUE,))
        await conn.execute(PAYLOADS)
    return database


async def claim(conn: psycopg.AsyncConnection, lease: UUID) -> list[UUID]:
    query = "select run_id from ratchet.claim_runs(%s, %s, 60, null, null)"
    cursor = await conn.execute(query, (lease, TAKEN), prepare=False)
    return [run_id for (run_id,) in await cursor.fetchall()]


async def rows_read(conn: psycopg.AsyncConnection) -> int:
    """The rows that the server process of this connection has read, in this transaction and some before."""
    row = await (await conn.execute(READ, prepare=False)).fetchone()
    assert row
    return int(row[0])


async def test_a_claim_reads_what_it_takes_and_no_other_run(backlog: str):
    async with await psycopg.AsyncConnection.connect(backlog) as conn:
        before = await rows_read(conn)
        assert len(await claim(conn, uuid4())) == TAKEN
        assert TAKEN <= await rows_read(conn) - before <= TAKEN * READS_PER_RUN


@pytest.mark.parametrize("mail", [None, Mail()], ids=["plain", "with mail"])
async def test_a_commit_reads_its_own_runs_and_no_other(backlog: str, mail: Mail | None):
    lease = uuid4()
    async with await psycopg.AsyncConnection.connect(backlog) as conn:
        taken = await claim(conn, lease)
        await conn.commit()
        entries = [store.Entry(run_id, 1, [mailroom.STARTED], "running", "{}") for run_id in taken]
        held = (lease, 60, commits._write_entries(entries))
        before = await rows_read(conn)
        if mail:
            mails = commits._write_mails([(run_id, mail) for run_id in taken])
            cursor = await conn.execute(commits._COMMIT_WITH_MAIL, (*held, *mails), prepare=False)
        else:
            cursor = await conn.execute(commits._COMMIT, held, prepare=False)
        assert {row[:2] for row in await cursor.fetchall()} == {(run_id, True) for run_id in taken}
        assert TAKEN <= await rows_read(conn) - before <= TAKEN * READS_PER_RUN
