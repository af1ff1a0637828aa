"""Let the table refuse: states that must not exist cannot be stored."""

import pytest
from psycopg import errors

from tests.history import sql

pytestmark = pytest.mark.anyio

RUN = {
    "id": "gen_random_uuid()",
    "workflow_id": "gen_random_uuid()",
    "document": "sha256('x')",
    "status": "'pending'",
    "mode": "'auto'",
    "seq": "1",
    "due_at": "now()",
    "created_at": "now()",
}


async def insert_run(**values: str) -> None:
    row = RUN | values
    await sql(f"insert into ratchet.runs ({', '.join(row)}) values ({', '.join(row.values())})")


async def test_the_row_these_cases_vary_is_fine(database: str):
    await insert_run()


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("status_is_known", {"status": "'done'", "due_at": "'infinity'"}),
        ("mode_is_known", {"mode": "'fast'"}),
        ("only_running_has_a_lease", {"lease": "gen_random_uuid()"}),
        ("only_finished_has_an_end", {"finished_at": "now()"}),
        ("only_finished_has_an_end", {"status": "'completed'", "due_at": "'infinity'"}),
        ("finished_and_suspended_are_never_due", {"status": "'suspended'"}),
        ("finished_and_suspended_are_never_due", {"status": "'failed'", "finished_at": "now()"}),
        ("pending_has_not_started", {"started_at": "now()"}),
        ("claims_are_counted", {"claims": "-1"}),
        ("grants_are_counted", {"grants": "-1"}),
    ],
)
async def test_runs_refuse(database: str, constraint: str, values: dict[str, str]):
    with pytest.raises(errors.CheckViolation, match=constraint):
        await insert_run(**values)


async def test_history_refuses_events_that_do_not_fill_their_numbers(database: str):
    with pytest.raises(errors.CheckViolation, match="events_fill_their_seqs"):
        await sql("insert into ratchet.history values (gen_random_uuid(), 3, 1, '[{}, {}]', now())")


async def test_history_refuses_a_seq_that_was_given(database: str):
    row = "insert into ratchet.history values ('00000000-0000-0000-0000-000000000001', 1, 1, '[{}]', now())"
    await sql(row)
    with pytest.raises(errors.UniqueViolation, match="a_seq_is_given_once"):
        await sql(row)


async def test_steps_refuse_the_same_attempt_twice(database: str):
    row = (
        "insert into ratchet.steps values ('00000000-0000-0000-0000-000000000001', '/do/0/x', 1, 1, 2, 'http',"
        " 'completed', '1', null, now(), now())"
    )
    await sql(row)
    with pytest.raises(errors.UniqueViolation, match="a_step_is_committed_once"):
        await sql(row)


async def test_steps_refuse_a_failure_without_a_reason(database: str):
    with pytest.raises(errors.CheckViolation, match="only_failed_has_an_error"):
        await sql(
            "insert into ratchet.steps values"
            " (gen_random_uuid(), '/x', 1, 1, 2, 'http', 'failed', null, null, now(), now())"
        )


async def test_documents_refuse_a_hash_that_is_not_one(database: str):
    with pytest.raises(errors.CheckViolation, match="hash_is_sha256"):
        await sql("insert into ratchet.documents values ('\\x00', '{}', now())")
