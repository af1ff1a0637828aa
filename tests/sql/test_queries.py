"""The database tool's memory: a quota that holds for all who ask at once, an audit that never forgets an end."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from psycopg import errors

from lib import store
from tests.history import move_clock, sql

pytestmark = pytest.mark.anyio

SOON = datetime.now(UTC) + timedelta(minutes=10)


async def begin(
    caller: str | None = "a", statement: str = "select 1", quota: tuple[int, int] | None = None
) -> store.Begun:
    return await store.begin_query(caller=caller, origin="http", statement=statement, quota=quota)


async def end(query_id: UUID, **changes: object) -> None:
    given: dict[str, object] = {
        "kind": "read",
        "verdict": "ran",
        "code": None,
        "statement": "select 1",
        "rows": 1,
        "ms": 5,
    }
    await store.end_query(query_id, **(given | changes))  # type: ignore[arg-type]


async def listed(**only: str) -> list[store.Query]:
    return await store.list_queries(**({"caller": None, "verdict": None} | only), limit=100)


async def test_an_attempt_is_known_before_it_is_made(database: str):
    begun = await begin(statement="select  1")
    assert (begun.remaining, begun.wait_seconds) == (None, None)
    [query] = await listed()
    assert (query.id, query.verdict, query.statement, query.ms) == (begun.id, "started", "select  1", None)
    assert query.id.version == 7


async def test_only_the_first_end_of_an_attempt_counts(database: str):
    begun = await begin(statement="select  1 -- x")
    assert begun.id
    await end(begun.id)
    await end(begun.id, verdict="failed", code="57014", rows=None)
    [query] = await listed()
    assert (query.kind, query.verdict, query.code, query.statement) == ("read", "ran", None, "select 1")
    assert (query.rows, query.ms) == (1, 5)


async def test_what_was_refused_keeps_its_text_as_it_was_sent(database: str):
    begun = await begin(statement="drop table x")
    assert begun.id
    await end(begun.id, kind=None, verdict="refused", code="not_allowed", statement=None, rows=None)
    assert [query.statement for query in await listed()] == ["drop table x"]


async def test_keeps_the_beginning_of_any_text(database: str):
    begun = await begin(statement="\0ü" * 4_000)
    assert begun.id
    await end(begun.id, statement="€" * 5_000)
    [query] = await listed()
    assert query.statement == "€" * 4_000


async def begin_apart(caller: str) -> UUID:
    """One that begins, and whose millisecond is over: the order of its id is then the order of time."""
    begun = (await begin(caller)).id
    assert begun
    while (await sql("select ratchet.new_id()"))[0][0].bytes[:6] == begun.bytes[:6]:
        pass
    return begun


async def test_lists_newest_first_by_caller_and_verdict(database: str):
    first, other, last = [await begin_apart(caller) for caller in ("a", "b", "a")]
    await end(first)
    assert [query.id for query in await listed()] == [last, other, first]
    assert [query.id for query in await listed(caller="a")] == [last, first]
    assert [query.id for query in await listed(caller="a", verdict="ran")] == [first]
    assert [query.id for query in await store.list_queries(caller="a", verdict=None, limit=9, before=last)] == [first]


async def test_a_quota_counts_every_attempt_of_its_caller(database: str):
    answers = [await begin(quota=(2, 60)) for _ in range(3)]
    assert [bool(begun.id) for begun in answers] == [True, True, False]
    assert [begun.remaining for begun in answers] == [1, 0, 0]
    assert all(begun.wait_seconds in (59, 60) for begun in answers)
    assert (await begin("b", quota=(2, 60))).remaining == 1
    assert len(await listed()) == 3, "who is over the quota leaves no record"


async def test_what_no_key_asks_for_is_listed_among_everybodys(database: str):
    step = (await begin(None)).id
    assert [(query.id, query.caller) for query in await listed()] == [(step, None)]
    assert await listed(caller="") == []


async def test_a_quota_comes_back_as_its_window_moves_on(database: str):
    await begin(quota=(2, 60))
    await move_clock("40 s")
    await begin(quota=(2, 60))
    full = await begin(quota=(2, 60))
    assert (full.id, full.wait_seconds) == (None, 20)
    await move_clock("61 s")
    assert (await begin(quota=(2, 60))).remaining == 0


async def test_twenty_at_once_share_one_quota(database: str):
    begun = await asyncio.gather(*(begin(quota=(7, 60)) for _ in range(20)))
    assert sum(1 for one in begun if one.id) == 7
    assert len(await listed()) == 7


async def test_a_confirmation_is_spent_once_by_whoever_asks_first(database: str):
    token = str(uuid4())
    answers = await asyncio.gather(*(store.spend_confirmation(token, SOON) for _ in range(10)))
    assert sorted(answers) == [False] * 9 + [True]
    assert await store.spend_confirmation(str(uuid4()), SOON)


async def test_retention_forgets_old_attempts_and_tokens_long_past_their_time(database: str):
    token = str(uuid4())
    await begin()
    await store.spend_confirmation(token, SOON)
    await move_clock("29 days")
    kept = await begin()
    assert await store.delete_old_queries(days=30, limit=100) == 0
    assert not await sql("select from ratchet.spent_confirmations")
    await move_clock("31 days")
    assert await store.delete_old_queries(days=30, limit=100) == 1
    assert [query.id for query in await listed()] == [kept.id]


async def test_a_token_that_has_just_expired_is_still_known(database: str):
    token = str(uuid4())
    await store.spend_confirmation(token, SOON)
    await move_clock("1 hour")
    await store.delete_old_queries(days=30, limit=100)
    assert not await store.spend_confirmation(token, SOON)


async def test_retention_takes_a_few_at_a_time(database: str):
    for _ in range(3):
        await begin()
    await move_clock("31 days")
    assert [await store.delete_old_queries(days=30, limit=2) for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("kind_is_known", "kind = 'ddl'"),
        ("verdict_is_known", "verdict = 'maybe', ms = 1"),
        ("only_an_ended_query_has_a_duration", "ms = 5"),
        ("only_an_ended_query_has_a_duration", "verdict = 'ran'"),
        ("only_refusals_and_failures_have_a_code", "verdict = 'refused', ms = 5"),
        ("only_refusals_and_failures_have_a_code", "verdict = 'ran', ms = 5, code = 'x'"),
        ("only_what_was_executed_has_rows", "verdict = 'failed', ms = 5, code = 'x', rows = 1"),
        ("statements_are_cut", "statement = repeat('x', 4001)"),
    ],
)
async def test_the_audit_refuses_what_makes_no_sense(database: str, constraint: str, change: str):
    await begin()
    with pytest.raises(errors.CheckViolation, match=constraint):
        await sql(f"update ratchet.queries set {change}")
