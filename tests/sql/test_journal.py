"""One row says where a run stands: what it told stays readable, to the letter, while commits seal it into chapters."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest

from lib import store
from lib.store import Entry, Event, Run, Step, StepRow, Verdict, write_event
from lib.store.journal import LONG
from lib.store.values import encode
from tests.history import event_types, expire_leases, sql
from tests.mailroom import Held, hold

pytestmark = pytest.mark.anyio

# Once `recent` is longer than this, the next commit makes a chapter of it.
FULL = 1000
LIMITS = (1, 2, 3, 7, 100)
NULL = "\0"

type Told = tuple[str, dict[str, Any]]


class Row(NamedTuple):
    """Where a run stands."""

    sealed_seq: int
    unsealed: int
    recent: str


class Author:
    """Holds a run, commits to it, and knows what it has told."""

    def __init__(self, held: Held) -> None:
        self.id, self.lease, self.seq = held.id, held.lease, held.seq
        self.began = held.claimed.created_at
        self.events = [Event(1, *pending(), self.began)]
        self.steps: list[Step] = []
        self.ends = [1]  # the seq of each commit

    def entry(self, *told: Told, status: str = "running", **more: Any) -> Entry:
        more = {"based": "state" in more} | more
        return Entry(self.id, self.seq, [write_event(*one) for one in told], status, began=self.began, **more)

    async def tell(self, *told: Told, **more: Any) -> Verdict:
        entry = self.entry(*told, **more)
        verdict = await send(self.lease, entry)
        assert (verdict.held, verdict.seq) == (True, self.seq + len(told))
        self.events += [Event(seq, *one, verdict.now) for seq, one in enumerate(told, self.seq + 1)]
        self.steps += sorted((finished(step, verdict.seq) for step in entry.steps), key=place)
        self.seq = verdict.seq
        self.ends.append(self.seq)
        return verdict

    async def work(self, number: int, *steps: StepRow) -> Verdict:
        """The usual commit: one task has ended, the next one starts."""
        return await self.tell(ended(number), started(number + 1), steps=steps)

    async def fill(self) -> None:
        """Commit until the next commit seals."""
        while len((await row(self.id)).recent) <= FULL:
            number = len(self.ends)
            await self.work(number, made(number, "x" * 300))

    async def brink(self, sealed: bool) -> None:
        """Stand right behind the border of a chapter, or right before it."""
        await self.fill()
        if sealed:
            await self.work(len(self.ends))
        assert ((await row(self.id)).sealed_seq == self.ends[-2]) is sealed

    async def claim(self) -> store.Claimed:
        """Hold it again, under another lease."""
        await sql("update ratchet.runs set due_at = ratchet.clock() where id = %s", self.id)
        held = await hold(self.id)
        self.lease, self.seq = held.lease, held.seq
        return held.claimed


def full(type: str) -> str:
    return f"io.serverlessworkflow.{type}.v1"


def pending() -> Told:
    return full("workflow.status-changed"), {"status": "pending"}


def started(number: int) -> Told:
    return full("task.started"), {"task": f"/do/{number}", "visit": 1, "attempt": 1, "function": "http"}


def ended(number: int, visit: int = 1, attempt: int = 1) -> Told:
    return full("task.completed"), {"task": f"/do/{number}", "visit": visit, "attempt": attempt}


def other(**data: Any) -> Told:
    return full("task.retried"), data


def made(number: int, output: Any = None, *, error: Any = None, at: datetime | None = None, visit: int = 1) -> StepRow:
    at = at or datetime.fromisoformat("2026-11-23T12:00:00.123456+00:00")
    outcome = (None, encode(error)) if error is not None else (encode(output), None)
    return StepRow(f"/do/{number}", visit, 1, "http", *outcome, at, at + timedelta(microseconds=1_234_567))


def finished(step: StepRow, seq: int) -> Step:
    output, error = (None if text is None else json.loads(text) for text in (step.output, step.error))
    status = "completed" if step.error is None else "failed"
    return Step(*step[:3], seq, step.function, status, output, error, step.started_at, step.finished_at)


def place(step: Step) -> tuple[int, str, int, int]:
    return step.seq, step.reference, step.visit, step.attempt


async def author() -> Author:
    return Author(await hold())


async def send(lease: UUID, entry: Entry) -> Verdict:
    [verdict] = await store.commit_batch(lease, 60, [entry])
    return verdict


async def row(run_id: UUID) -> Row:
    [found] = await sql("select sealed_seq, unsealed, recent from ratchet.runs where id = %s", run_id)
    return Row(*found)


async def chapters(run_id: UUID) -> list[tuple[int, int, str, datetime]]:
    return await sql(
        "select first_seq, seq, events::text, created_at from ratchet.chapters where run_id = %s order by seq", run_id
    )


async def everything(run_id: UUID) -> list[Any]:
    """All that is stored of a run."""
    tables = {"runs": "id", "run_payloads": "run_id", "chapters": "run_id", "steps_apart": "run_id"}
    tables["kept_values"] = "run_id"
    return [
        await sql(f"select row_to_json(t)::text from ratchet.{table} t where {key} = %s order by 1", run_id)
        for table, key in tables.items()
    ]


async def all_events(run_id: UUID) -> list[Event]:
    return await store.list_events(run_id, after=0, limit=10_000)


async def all_steps(run_id: UUID) -> list[Step]:
    return await store.list_steps(run_id, after=None, limit=10_000)


async def story() -> Author:
    """A run of several chapters, with steps of every kind."""
    run = await author()
    early = run.began - timedelta(seconds=3, microseconds=1)
    long = NULL + "é" * LONG
    for number in range(0, 24, 6):
        await run.work(number, made(number, {"text": f"{NULL}é", "id": number}))
        await run.work(number + 1, made(number + 1, error={"status": 503, "detail": NULL + "x" * 200}, at=early))
        await run.work(number + 2, made(number + 2, long), made(number + 2, [None, 1.5], visit=2))
        await run.tell(other(task=f"/do/{number + 3}", attempt=1), steps=[made(number + 3, error={"detail": long})])
        await run.tell(started(number + 4), ended(number + 3), ended(number + 4), steps=[made(number + 4, "y" * 300)])
        await run.tell(other(workflow=dict.fromkeys(("namespace", "name", "version"), number)))
    assert len(await chapters(run.id)) >= 3
    return run


async def test_what_recent_held_is_a_chapter_once_it_is_full(database: str):
    run = await author()
    sealed = []
    for number in range(24):
        before = await row(run.id)
        await run.work(number, made(number, NULL * (number * 7 % 40)))
        after = await row(run.id)
        [newest, *rest] = json.loads(f"[{after.recent}]")
        if len(before.recent) > FULL:
            sealed.append((before.sealed_seq + 1, run.ends[-2], f"[{before.recent}]", run.began))
            assert after[:2] == (run.ends[-2], 2)
            assert rest == []
        else:
            assert after[:2] == (before.sealed_seq, before.unsealed + 2)
            assert after.recent.endswith(f",{before.recent}" if before.recent else "]")
        assert newest[0] == run.seq - 1
    assert await chapters(run.id) == sealed
    assert len(sealed) >= 3
    assert [first for first, *_ in sealed] == [1, *(last + 1 for _, last, *_ in sealed[:-1])]


async def test_recent_is_sealed_by_the_first_byte_past_its_limit(database: str):
    for size, count in ((FULL, 0), (FULL + 1, 1)):
        run = await author()
        room = size - len((await row(run.id)).recent)
        await sql("update ratchet.runs set recent = recent || repeat(' ', %s) where id = %s", room, run.id)
        await run.work(1)
        assert len(await chapters(run.id)) == count
        assert await all_events(run.id) == run.events


async def test_what_was_told_is_listed_to_the_letter(database: str):
    run = await story()
    assert await all_events(run.id) == run.events
    assert await all_steps(run.id) == run.steps
    assert (await store.get_run(run.id)).seq == run.seq == len(run.events)


async def test_pages_of_events_of_any_size_are_pieces_of_the_whole(database: str):
    run = await story()
    for limit in LIMITS:
        for after in range(run.seq + 2):
            page = await store.list_events(run.id, after=after, limit=limit)
            assert page == run.events[after : after + limit], (after, limit)


async def test_pages_of_steps_of_any_size_are_pieces_of_the_whole(database: str):
    run = await story()
    for limit in LIMITS:
        for position in range(len(run.steps) + 1):
            after = place(run.steps[position - 1]) if position else None
            page = await store.list_steps(run.id, after=after, limit=limit)
            assert page == run.steps[position : position + limit], (after, limit)


async def test_steps_are_asked_for_after_any_seq(database: str):
    run = await story()
    for seq in range(run.seq + 2):
        page = await store.list_steps(run.id, after=(seq, "", 0, 0), limit=100)
        assert page == [step for step in run.steps if step.seq >= seq], seq


async def test_changes_from_any_cursor_are_all_that_came_after_it(database: str):
    run, still = await story(), await author()
    for cursor in range(run.seq):
        [change] = await store.read_changes({still.id: 1, run.id: cursor}, limit_per_run=1000)
        assert change.events == run.events[cursor:], cursor
        assert change.run.to_json() == (await store.get_run(run.id)).to_json()
    assert await store.read_changes({still.id: 1, run.id: run.seq}, limit_per_run=1000) == []


async def test_changes_of_several_runs_come_each_from_its_own_cursor(database: str):
    first, second = await story(), await author()
    await second.work(1)
    found = await store.read_changes({first.id: 4, second.id: 1, uuid4(): 0}, limit_per_run=1000)
    assert {change.run.id: change.events for change in found} == {
        first.id: first.events[4:],
        second.id: second.events[1:],
    }


async def test_changes_that_are_read_a_row_at_a_time_leave_nothing_out(database: str):
    run = await story()
    for cursor in range(run.seq):
        [change] = await store.read_changes({run.id: cursor}, limit_per_run=1)
        assert change.events == run.events[cursor : cursor + len(change.events)] != [], cursor


async def test_a_reader_of_chapters_alone_gets_as_far_as_they_go(database: str):
    run = await story()
    [change] = await store.read_changes({run.id: 0}, limit_per_run=2)
    assert change.events[-1].seq == (await chapters(run.id))[1][1]


async def test_views_tell_what_the_lists_tell(database: str):
    run = await story()
    await same_in_views(run.id)
    told = await sql("select first_seq, seq from ratchet.history where run_id = %s order by seq", run.id)
    assert told == [(before + 1, seq) for before, seq in pairwise([0, *run.ends])]


async def same_in_views(run_id: UUID) -> None:
    events, steps = await all_events(run_id), await all_steps(run_id)
    assert events
    assert steps
    seen = await sql("select seq, type, data, created_at from ratchet.events where run_id = %s order by seq", run_id)
    assert [Event(*one) for one in seen] == events
    seen = await sql(
        "select first_seq, seq, events, created_at from ratchet.history where run_id = %s order by seq", run_id
    )
    assert [
        Event(seq, event["type"], event.get("data", {}), at)
        for first, last, told, at in seen
        for seq, event in zip(range(first, last + 1), told, strict=True)
    ] == events
    seen = await sql(
        "select reference, visit, attempt, seq, function, status, output, error, started_at, finished_at"
        " from ratchet.steps where run_id = %s order by seq, reference, visit, attempt",
        run_id,
    )
    assert [Step(*one) for one in seen] == steps
    query = "select count(*) from ratchet.steps where run_id = %s and (output is null) = (status = 'completed')"
    assert await sql(query, run_id) == [(0,)]


async def of_the_release_before() -> Author:
    """A run whose first three commits are rows of the old shape, two of them with a step."""
    run = await author()
    await sql("update ratchet.runs set sealed_seq = 5, unsealed = 0, recent = '' where id = %s", run.id)
    run.events = []
    commits = [[pending()], [(full("workflow.started"), {})], [ended(1), started(2), other(x=1)]]
    for second, told in enumerate(commits):
        at, first = run.began + timedelta(seconds=second, microseconds=7), len(run.events) + 1
        run.events += [Event(seq, *one, at) for seq, one in enumerate(told, first)]
        whole = json.dumps([{"type": type} | ({"data": data} if data else {}) for type, data in told])
        await sql("insert into ratchet.chapters values (%s, %s, %s, %s, %s)", run.id, len(run.events), first, whole, at)
    run.steps = [
        finished(made(0, {"text": NULL}), 2),
        finished(made(1, error={"status": 500, "detail": NULL}), 5),
    ]
    for step in run.steps:
        outcome = [None if value is None else encode(value) for value in (step.output, step.error)]
        await sql(
            "insert into ratchet.steps_apart values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            *(run.id, step.reference, step.visit, step.attempt, step.seq, step.function, step.status),
            *(*outcome, step.started_at, step.finished_at),
        )
    run.seq, run.ends = 5, [1, 2, 5]
    return run


async def test_rows_of_the_release_before_are_told_by_lists_and_views(database: str):
    run = await of_the_release_before()
    assert await all_events(run.id) == run.events
    assert await all_steps(run.id) == run.steps
    assert (await store.get_run(run.id)).seq == 5
    await same_in_views(run.id)


async def test_a_run_of_the_release_before_goes_on_in_the_new_shape(database: str):
    run = await of_the_release_before()
    await run.fill()
    await run.work(90, made(90, NULL), made(91, "z" * (LONG + 1)))
    assert await all_events(run.id) == run.events
    assert await all_steps(run.id) == run.steps
    await same_in_views(run.id)
    for limit in LIMITS:
        for after in range(run.seq):
            assert await store.list_events(run.id, after=after, limit=limit) == run.events[after : after + limit]
            [change] = await store.read_changes({run.id: after}, limit_per_run=limit)
            assert change.events == run.events[after : after + len(change.events)] != []
        for position, step in enumerate(run.steps, 1):
            page = await store.list_steps(run.id, after=place(step), limit=limit)
            assert page == run.steps[position : position + limit]


async def test_a_step_without_an_event_is_told_on_every_page_and_in_the_view(database: str):
    run = await author()
    await run.brink(False)
    await run.tell(steps=[made(90, NULL)])
    assert await all_events(run.id) == run.events
    assert await all_steps(run.id) == run.steps
    await same_in_views(run.id)
    for limit in LIMITS:
        for position in range(len(run.steps) + 1):
            after = place(run.steps[position - 1]) if position else None
            page = await store.list_steps(run.id, after=after, limit=limit)
            assert page == run.steps[position : position + limit], (after, limit)


async def test_a_step_without_an_event_does_not_unsettle_what_follows(database: str):
    run = await author()
    await run.brink(False)
    await run.tell(steps=[made(90, "1")])
    await run.tell(steps=[made(91, "1")])
    await run.work(92, made(92, "1"))
    await run.brink(True)
    assert await all_events(run.id) == run.events
    assert await all_steps(run.id) == run.steps


async def test_a_step_that_failed_with_null_has_failed_for_all_who_look(database: str):
    run = await author()
    step = made(1)._replace(output=None, error="null")
    await run.work(1, step)
    assert await sql("select status from ratchet.steps where run_id = %s", run.id) == [("failed",)]
    assert [step.status for step in await all_steps(run.id)] == ["failed"]


@pytest.mark.parametrize("sealed", [False, True])
async def test_an_entry_whose_answer_was_lost_is_written_once(database: str, sealed: bool):
    run = await author()
    await run.brink(sealed)
    entry = run.entry(
        *(ended(90), started(91)),
        steps=[made(90, "1"), made(91, "z" * (LONG + 1))],
        state='{"x":1}',
        state_base='{"y":1}',
        kept=[(1, '"kept"')],
        grants_used=1,
    )
    first = await send(run.lease, entry)
    assert len(await chapters(run.id)) == 1, "sealed by this entry, or right before it"
    before = await everything(run.id)
    again = await send(run.lease, entry)
    assert (first.held, first.seq) == (again.held, again.seq) == (True, run.seq + 2)
    assert again.lease_left
    assert await everything(run.id) == before
    assert [event.seq for event in await all_events(run.id)] == list(range(1, run.seq + 3))
    assert [step.reference for step in await all_steps(run.id)][-2:] == ["/do/90", "/do/91"]


async def test_a_step_without_an_event_whose_answer_was_lost_is_written_once(database: str):
    run = await author()
    entry = run.entry(steps=[made(1, "1")])
    assert (await send(run.lease, entry)).held
    with pytest.raises(psycopg.errors.UniqueViolation, match="a_step_is_committed_once"):
        await send(run.lease, entry)
    assert [step.reference for step in await all_steps(run.id)] == ["/do/1"]


async def test_the_last_entry_sent_again_finds_the_run_let_go_and_changes_nothing(database: str):
    run = await author()
    await run.brink(False)
    entry = run.entry(ended(90), status="waiting", released=True, state="{}", based=False, steps=[made(90, "1")])
    assert (await send(run.lease, entry)).held
    before = await everything(run.id)
    assert not (await send(run.lease, entry)).held
    assert await everything(run.id) == before


@pytest.mark.parametrize("sealed", [False, True])
async def test_an_entry_of_somebody_whose_lease_is_gone_changes_nothing(database: str, sealed: bool):
    run = await author()
    await run.brink(sealed)
    entry = run.entry(
        *(ended(90), started(91)),
        steps=[made(90, "1"), made(91, "z" * (LONG + 1))],
        state='{"x":1}',
        state_base='{"y":1}',
        kept=[(1, '"kept"')],
    )
    await expire_leases()
    await hold(run.id)
    before = await everything(run.id)
    verdict = await send(run.lease, entry)
    assert (verdict.held, verdict.seq, verdict.lease_left) == (False, run.seq, None)
    assert await everything(run.id) == before


@pytest.mark.parametrize("off", [-1, 1])
async def test_an_entry_for_another_seq_changes_nothing(database: str, off: int):
    run = await author()
    await run.fill()
    before = await everything(run.id)
    entry = run.entry(ended(90), ended(91), ended(92), state="{}", steps=[made(91, "z" * (LONG + 1))])
    assert not (await send(run.lease, entry._replace(base=run.seq + off))).held
    assert await everything(run.id) == before


async def test_in_one_batch_only_who_is_held_counts(database: str):
    lost, held = await author(), await author()
    await lost.fill()
    await held.fill()
    await store.cancel_run(lost.id)
    before = await everything(lost.id)
    entries = [run.entry(ended(90), steps=[made(90, "1")]) for run in (lost, held)]
    await sql("update ratchet.runs set lease = %s where id = %s", lost.lease, held.id)
    verdicts = await store.commit_batch(lost.lease, 60, entries)
    assert {verdict.run_id: verdict.held for verdict in verdicts} == {lost.id: False, held.id: True}
    assert await everything(lost.id) == before
    assert len(await chapters(held.id)) == 1


async def appended(run_id: UUID, ask: Callable[[UUID], Awaitable[Run]]) -> list[str]:
    """What this adds to the history, which stays as it was before, without a gap."""
    before, sealed = await all_events(run_id), await chapters(run_id)
    details = await ask(run_id)
    after = await all_events(run_id)
    assert after[: len(before)] == before
    assert [event.seq for event in after] == list(range(1, len(after) + 1))
    assert details.seq == (await store.get_run(run_id)).seq == len(after)
    assert await chapters(run_id) == sealed
    assert all(event.data == {} for event in after[len(before) :])
    return [event.type.removeprefix("io.serverlessworkflow.") for event in after[len(before) :]]


@pytest.fixture(params=[False, True], ids=["about to be sealed", "sealed"])
async def edge(database: str, request: pytest.FixtureRequest) -> Author:
    """A run right behind the border of a chapter, or right before it."""
    run = await author()
    await run.brink(request.param)
    return run


async def goes_on(run: Author) -> None:
    """The run can be claimed, and what it tells next stands behind all that was told before."""
    before = await all_events(run.id)
    claimed = await run.claim()
    assert claimed.seq == len(before)
    verdict = await run.tell(ended(90), started(91), steps=[made(90, NULL)])
    assert (await all_events(run.id))[: len(before)] == before
    await event_types(run.id)
    assert (await all_steps(run.id))[-1] == finished(made(90, NULL), verdict.seq)
    await same_in_views(run.id)


async def test_a_cancelled_run_says_so_once(edge: Author):
    before = await all_events(edge.id)
    assert await appended(edge.id, store.cancel_run) == ["workflow.cancelled.v1"]
    finished_at = (await store.get_run(edge.id)).finished_at
    assert finished_at
    assert before[-1].created_at < finished_at <= (await all_events(edge.id))[-1].created_at
    await same_in_views(edge.id)


async def test_a_run_that_nobody_holds_is_suspended_and_resumed_with_a_word_each(edge: Author):
    await send(edge.lease, edge.entry(status="waiting", released=True))
    assert await appended(edge.id, store.suspend_run) == ["workflow.suspended.v1"]
    assert await appended(edge.id, store.resume_run) == ["workflow.resumed.v1"]
    await goes_on(edge)


async def test_a_run_whose_holder_was_lost_is_suspended_at_once(edge: Author):
    await expire_leases()
    assert await appended(edge.id, store.suspend_run) == ["workflow.suspended.v1"]
    assert await appended(edge.id, store.resume_run) == ["workflow.resumed.v1"]
    await goes_on(edge)


async def test_a_wish_to_suspend_that_is_taken_back_is_not_told(edge: Author):
    assert await appended(edge.id, store.suspend_run) == []
    assert await appended(edge.id, store.resume_run) == []


async def test_a_held_run_is_suspended_with_the_commit_that_lets_it_go(edge: Author):
    assert await appended(edge.id, store.suspend_run) == []
    sealing = len((await row(edge.id)).recent) > FULL
    verdict = await send(edge.lease, edge.entry(ended(90), status="waiting", released=True))
    assert verdict.seq == edge.seq + 2
    assert (await event_types(edge.id))[-2:] == ["task.completed", "workflow.suspended"]
    assert (await row(edge.id)).sealed_seq == (edge.seq if sealing else edge.ends[-2])
    assert await appended(edge.id, store.resume_run) == ["workflow.resumed.v1"]
    await goes_on(edge)


async def test_a_failed_run_that_is_retried_says_so_once(edge: Author):
    await send(edge.lease, edge.entry(status="failed", released=True, result="{}", error="{}"))
    assert await appended(edge.id, store.retry_run) == ["workflow.status-changed.v1"]
    await goes_on(edge)


BASE, STATE = '{"document":"\\u0000é"}', '{"format":3,"x":"\\u0000"}'


async def test_a_claim_answers_both_parts_of_the_state(database: str):
    run = await author()
    await run.tell(ended(1), state=STATE, state_base=BASE)
    claimed = await run.claim()
    assert claimed.state == {"run_id": str(run.id), "base": json.loads(BASE), **json.loads(STATE)}
    assert claimed.input is None


async def test_a_base_that_is_left_out_stays_and_so_does_a_state(database: str):
    run = await author()
    await run.tell(ended(1), state=STATE, state_base=BASE)
    await run.tell(ended(2), state='{"y":2}')
    assert (await run.claim()).state == {"run_id": str(run.id), "base": json.loads(BASE), "y": 2}
    await run.tell(ended(3))
    await run.tell()
    assert (await run.claim()).state == {"run_id": str(run.id), "base": json.loads(BASE), "y": 2}
    await run.tell(ended(4), state='{"y":3}', state_base='{"new":1}')
    assert (await run.claim()).state == {"run_id": str(run.id), "base": {"new": 1}, "y": 3}


async def test_a_state_without_a_base_is_answered_as_it_is(database: str):
    run = await author()
    assert (await run.claim()).state is None
    await run.tell(ended(1), state=STATE, based=False)
    claimed = await run.claim()
    assert claimed.state == json.loads(STATE)


async def test_kept_values_come_with_the_state(database: str):
    run = await author()
    await run.tell(ended(1), state=STATE, state_base=BASE, kept=[(1, '"a\\u0000"'), (2, '"b"')])
    await run.tell(ended(2), forgotten=[2], kept=[(3, '"c"')])
    claimed = await run.claim()
    assert claimed.kept == {1: f"a{NULL}", 3: "c"}
    assert claimed.state == {
        "stored": {"1": f"a{NULL}", "3": "c"},
        "run_id": str(run.id),
        "base": json.loads(BASE),
        **json.loads(STATE),
    }


async def commit_as_before(run: Author, **more: Any) -> None:
    """An entry as the release before sends it."""
    events = ",".join(json.dumps({"type": type, "data": data}) for type, data in (ended(8), started(9)))
    entry = {"run": str(run.id), "base": run.seq, "count": 2, "events": events, "status": "running"}
    entry |= {"released": False, "grants_used": 0} | more
    [(held, seq)] = await sql("select held, seq from ratchet.commit_batch(%s, 60, %s)", run.lease, json.dumps([entry]))
    assert (held, seq) == (True, run.seq + 2)
    run.seq = seq


async def test_a_state_of_the_release_before_replaces_both(database: str):
    run = await author()
    await run.tell(ended(1), state=STATE, state_base=BASE)
    old = '{"run_id":"r","base":{"old":1},"z":"\\u0000"}'
    await commit_as_before(run, state=old)
    assert await sql("select state_base, state::text from ratchet.runs where id = %s", run.id) == [(None, old)]
    assert (await run.claim()).state == json.loads(old)
    await run.tell(ended(2), state='{"y":2}', state_base=BASE)
    assert (await run.claim()).state == {"run_id": str(run.id), "base": json.loads(BASE), "y": 2}


async def test_an_entry_of_the_release_before_without_a_state_leaves_both(database: str):
    run = await author()
    await run.tell(ended(1), state=STATE, state_base=BASE)
    await commit_as_before(run)
    assert (await run.claim()).state == {"run_id": str(run.id), "base": json.loads(BASE), **json.loads(STATE)}


async def test_what_the_release_before_commits_is_told_among_ours(database: str):
    run = await author()
    await run.fill()
    step = made(8, "1")
    times = {"started_at": step.started_at.isoformat(), "finished_at": step.finished_at.isoformat()}
    await commit_as_before(run, steps=[step._asdict() | times])
    assert [(event.seq, event.type, event.data) for event in await all_events(run.id)][-2:] == [
        (run.seq - 1, *ended(8)),
        (run.seq, *started(9)),
    ]
    assert await all_steps(run.id) == [*run.steps, finished(step, run.seq)]
    await same_in_views(run.id)


@pytest.mark.parametrize("status", ["completed", "cancelled"])
async def test_a_run_that_has_ended_for_good_has_no_state(database: str, status: str):
    run = await author()
    await run.tell(ended(1), state=STATE, state_base=BASE)
    if status == "cancelled":
        await store.cancel_run(run.id)
    else:
        await run.tell(ended(2), status=status, released=True, result="1")
    assert await sql("select status, state_base, state from ratchet.runs where id = %s", run.id) == [
        (status, None, None)
    ]


async def test_a_failed_run_is_retried_with_the_state_it_had(database: str):
    run = await author()
    await run.tell(ended(1), state=STATE, state_base=BASE)
    await run.tell(ended(2), status="failed", released=True, state='{"y":2}', result="{}", error="{}")
    await store.retry_run(run.id)
    assert (await run.claim()).state == {"run_id": str(run.id), "base": json.loads(BASE), "y": 2}


async def test_who_relies_on_a_base_that_was_replaced_without_an_event_has_lost_the_run(database: str):
    run = await author()
    await run.tell(ended(1), state=STATE, state_base=BASE)
    await run.tell(state='{"whole":1}', based=False)
    entry = run.entry(ended(2), state='{"y":2}')
    assert not (await send(run.lease, entry)).held
    assert (await run.claim()).state == {"whole": 1}
    assert (await send(run.lease, entry._replace(state_base=BASE))).held
