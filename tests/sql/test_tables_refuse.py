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
    "sealed_seq": "1",
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
        ("unsealed_is_counted", {"unsealed": "-1"}),
    ],
)
async def test_runs_refuse(database: str, constraint: str, values: dict[str, str]):
    with pytest.raises(errors.CheckViolation, match=constraint):
        await insert_run(**values)


async def test_chapters_refuse_to_end_before_they_begin(database: str):
    with pytest.raises(errors.CheckViolation, match="a_chapter_has_events"):
        await sql("insert into ratchet.chapters values (gen_random_uuid(), 3, 4, '[]', now())")


async def test_chapters_refuse_a_seq_that_was_given(database: str):
    row = "insert into ratchet.chapters values ('00000000-0000-0000-0000-000000000001', 1, 1, '[[1,0]]', now())"
    await sql(row)
    with pytest.raises(errors.UniqueViolation, match="a_seq_is_given_once"):
        await sql(row)


async def test_documents_refuse_a_hash_that_is_not_one(database: str):
    with pytest.raises(errors.CheckViolation, match="hash_is_sha256"):
        await sql("insert into ratchet.documents values ('\\x00', '{}', now())")
