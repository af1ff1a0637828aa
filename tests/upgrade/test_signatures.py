"""Nothing that the release before calls is taken away or changed under it."""

import psycopg
import pytest

from tests.upgrade.signatures import complain, promised, read_signatures

pytestmark = pytest.mark.anyio


async def change(url: str, *statements: str) -> set[str]:
    """The signatures after these statements."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        for statement in statements:
            await conn.execute(statement.encode())
    return await read_signatures(url)


async def test_every_signature_of_the_releases_so_far_is_still_there(direct_url: str):
    complaint = complain(promised(), await read_signatures(direct_url))
    assert complaint is None, complaint


async def test_what_is_new_is_written_down(direct_url: str):
    new = sorted(await read_signatures(direct_url) - promised())
    assert new == [], "run `python -m tests.upgrade.signatures`"


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("drop function ratchet.backlog", "function backlog("),
        ("drop view ratchet.run_details cascade", "view run_details.id uuid"),
        ("alter table ratchet.sweeps drop column commits", "table sweeps.commits integer"),
        ("alter table ratchet.sweeps alter column commits type bigint", "table sweeps.commits integer"),
        ("alter table ratchet.sweeps rename column commits to batches", "table sweeps.commits integer"),
        (
            "drop function ratchet.first_id; create function ratchet.first_id(p_at timestamptz, p_more integer)"
            " returns uuid language sql as 'select null::uuid'",
            "function first_id(p_at timestamp with time zone)",
        ),
    ],
)
async def test_a_change_in_place_is_refused_with_what_to_do_instead(direct_url: str, statement: str, named: str):
    complaint = complain(await read_signatures(direct_url), await change(direct_url, statement))
    assert complaint
    assert "_v2" in complaint
    assert named in complaint


@pytest.mark.parametrize(
    ("more", "result", "fine"),
    [
        ("p_more integer default null", "uuid", True),
        ("p_more integer default 1, p_last text default ''", "uuid", True),
        ("p_more integer default 1", "text", False),
    ],
)
async def test_a_function_may_take_more_than_it_did_if_that_can_be_left_out(
    direct_url: str, more: str, result: str, fine: bool
):
    before = await read_signatures(direct_url)
    anew = f"create function ratchet.first_id(p_at timestamptz, {more}) returns {result}"
    body = f"language sql as 'select null::{result}'"
    after = await change(direct_url, "drop function ratchet.first_id", f"{anew} {body}")
    assert (complain(before, after) is None) is fine


async def test_a_new_column_that_must_be_filled_is_refused(direct_url: str):
    before = await read_signatures(direct_url)
    after = await change(direct_url, "alter table ratchet.sweeps add column host text not null")
    assert "sweeps.host text, required" in (complain(before, after) or "")


async def test_additions_are_fine(direct_url: str):
    before = await read_signatures(direct_url)
    after = await change(
        direct_url,
        "create table ratchet.notes (id uuid primary key)",
        "alter table ratchet.sweeps add column host text",
        "alter table ratchet.sweeps add column region text not null default ''",
        "create function ratchet.first_id_v2(p_at timestamptz) returns uuid language sql as 'select null::uuid'",
    )
    assert complain(before, after) is None
    assert before < after
