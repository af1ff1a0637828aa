"""What is large in a state is written once and not at every commit; nobody can tell otherwise."""

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from lib import calls, dsl, store
from lib.engine import hold, keeper
from lib.engine.keeper import Keeper
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.documents import call, document
from tests.history import event_types, expire_leases, sql

pytestmark = pytest.mark.anyio

ITEMS = [f"item {number}" for number in range(1000)]
ODD = {"text": "\0 \U0001f600 " * 500, "number": 12345678901234567890, "small": []}


def each(count: int) -> dict[str, Any]:
    """An effect for each of the first items; all of them are carried along."""
    one = {"one": call("http://x/one", output={"as": "${ $item }"})}
    return {"for": {"each": "item", "in": "${ .items }"}, "while": f"${{ $index < {count} }}", "do": [one]}


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Effects done in this process; after as many as the list's first number says, the process is as good as dead."""
    left = [10_000]

    async def run(function, arguments, context):
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("dead")
        return {"done": left[0]}

    monkeypatch.setattr(calls, "run", run)
    return left


async def kept() -> list[tuple[int, int]]:
    """The numbers of the values that are stored, and their sizes."""
    return await sql("select number, octet_length(value::text) from ratchet.kept_values order by number")


async def largest_state() -> int:
    [(size,)] = await sql("select coalesce(max(octet_length(state::text)), 0) from ratchet.runs")
    return int(size)


async def test_a_collection_is_written_once_however_many_effects_its_loop_has(
    start, reactor: Reactor, dying, monkeypatch: pytest.MonkeyPatch
):
    run_id = await start(document([{"loop": each(30)}]), {"items": ITEMS})
    entries = []
    commit_batch = store.commit_batch

    async def note(lease, seconds, committed):
        entries.extend(committed)
        return await commit_batch(lease, seconds, committed)

    monkeypatch.setattr(store, "commit_batch", note)
    await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert (run.status, run.result) == ("completed", ITEMS[29])
    assert len(entries) > 30
    assert len([number for entry in entries for number, _ in entry.kept]) == 2  # the input, and the items in it
    assert max(len(entry.state or "") for entry in entries) < 2000
    assert await kept() == []


async def test_who_claims_the_run_next_has_every_value_as_it_was(start, dying):
    pause = {"pause": {"wait": {"hours": 1}}}
    compare = {"compare": {"set": {"input": "${ $workflow.input }", "context": "${ $context }"}}}
    tasks = [{"first": call("http://x/", output={"as": "${ $input }"}, export={"as": "${ $input }"})}, pause, compare]
    run_id = await start(document(tasks), ODD)
    await sweep_all(Reactor(), None)
    assert len(await kept()) == 1
    assert await largest_state() < 1000
    await sql("update ratchet.runs set due_at = ratchet.clock()")
    await sql("update ratchet.runs set state = regexp_replace(state::text, '\"wake\":\\d+', '\"wake\":1')::json")
    await sweep_all(Reactor(), None)
    run = await store.get_run(run_id)
    assert (run.status, run.result) == ("completed", {"input": ODD, "context": ODD})
    assert await kept() == []


async def test_a_value_that_nothing_holds_any_more_is_forgotten(start, dying):
    grow = call("http://x/", input={"from": "${ [., .] }"}, output={"as": "${ $input }"})
    tasks = [{f"grow{number}": grow} for number in range(4)]
    run_id = await start(document([*tasks, {"pause": {"wait": {"hours": 1}}}]), ["x" * 3000])
    await sweep_all(Reactor(), None)
    assert (await store.get_run(run_id)).status == "waiting"
    # the run's input, which `$workflow.input` still gives, and what it has become
    assert [size for _, size in await kept()] == [3004, 16 * 3004 + 45]


async def test_a_run_that_failed_keeps_what_its_retry_starts_from(start, dying):
    run_id = await start(document([{"loop": each(5)}]), {"items": ITEMS})
    dying[0] = 3
    await sweep_all(Reactor(), None)
    assert (await store.get_run(run_id)).status == "failed"
    assert len(await kept()) == 2
    dying[0] = 100
    await store.retry_run(run_id)
    await sweep_all(Reactor(), None)
    run = await store.get_run(run_id)
    assert (run.status, run.result) == ("completed", ITEMS[4])
    assert await kept() == []
    assert (await event_types(run_id)).count("task.completed") == 5 + 1


async def test_a_process_that_dies_has_neither_lost_nor_doubled_a_value(start, dying, monkeypatch):
    run_id = await start(document([{"loop": each(6)}]), {"items": ITEMS})
    for _ in range(4):
        reactor, turns = Reactor(), []
        turn = hold.Hold.turn

        def die_at_the_third(held, now, reactor=reactor, turns=turns, turn=turn):
            turns.append(held)
            if len(turns) == 3:
                reactor._lose([held])
            return turn(held, now)

        with monkeypatch.context() as patch:
            patch.setattr(hold.Hold, "turn", die_at_the_third)
            await sweep_all(reactor, None)
        assert len(await kept()) in (0, 2)
        await expire_leases()
    await sweep_all(Reactor(), None)
    run = await store.get_run(run_id)
    assert (run.status, run.result) == ("completed", ITEMS[5])


async def test_a_cancelled_run_leaves_nothing(start, dying):
    pause = {"pause": {"wait": {"hours": 1}}}
    run_id = await start(document([{"one": call("http://x/")}, pause]), {"items": ITEMS})
    await sweep_all(Reactor(), None)
    assert len(await kept()) == 1
    await store.cancel_run(run_id)
    assert await kept() == []


def test_what_was_not_accepted_is_written_again():
    """An entry that was never made has stored nothing."""
    items = Keeper({})
    compiled = dsl.compile_document(document([{"one": call("http://x/")}]))
    state = dsl.start(compiled, run_id="r", input=ITEMS, now=datetime(2030, 1, 1, tzinfo=UTC)).state
    first = items.write(state)
    again = items.write(state)
    assert first.kept == again.kept != []
    items.accept(again)
    assert items.write(state).kept == []


def test_large_is_about_as_large_as_its_json():
    dice = Random(1)

    def value(depth: int) -> Any:
        kind = dice.randrange(5 if depth else 3)
        if kind < 3:
            return (dice.randrange(10**6), "x" * dice.randrange(40), None)[kind]
        size = dice.randrange(12)
        values = [value(depth - 1) for _ in range(size)]
        return values if kind == 3 else {f"k{number}": one for number, one in enumerate(values)}

    for _ in range(3000):
        one = value(4)
        size = len(json.dumps(one, separators=(",", ":")))
        if not keeper.LARGE / 2.5 < size < keeper.LARGE * 2.5:
            assert keeper._is_large(one) == (size > keeper.LARGE)
