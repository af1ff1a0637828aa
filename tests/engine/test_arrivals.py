"""Results that come with a transaction: one at a time, and only while somebody waits for them."""

import asyncio
from datetime import UTC, datetime

import pytest

from lib import dsl
from lib.engine.arrivals import Arrivals, Arrived
from lib.store import StepRow
from tests.documents import call, document

pytestmark = pytest.mark.anyio

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Ending:
    """A transaction that remembers how it ended."""

    connection = None

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def commit(self) -> None:
        """Never asked for here: the engine's commit does that."""
        raise AssertionError

    async def rollback(self) -> None:
        self.ended.set()


def arrived(effect: dsl.Effect, transaction: Ending | None = None) -> Arrived:
    step = StepRow(effect.reference, effect.visit, effect.attempt, effect.function, "1", None, NOW, NOW)
    return Arrived(dsl.Result(effect.id, 1), step, transaction)


@pytest.fixture
def race() -> tuple[dsl.Document, dsl.Transition]:
    """Three calls of which only the first to end is wanted."""
    branches = [{name: call("http://x/")} for name in "abc"]
    compiled = dsl.compile_document(document([{"race": {"fork": {"compete": True, "branches": branches}}}]))
    return compiled, dsl.start(compiled, run_id="run", input={}, now=NOW)


async def test_one_commit_ends_one_transaction(race):
    _, begun = race
    first, second, third = begun.effects
    arrivals = Arrivals()
    for one in (arrived(first), arrived(second, Ending()), arrived(third, Ending())):
        arrivals.put(one)
    assert [one.arrival.effect_id for one in arrivals.take()] == [first.id, second.id]
    assert third.id in arrivals
    assert [one.arrival.effect_id for one in arrivals.take()] == [third.id]
    assert not arrivals


async def test_what_wins_counts_and_what_nobody_waits_for_is_rolled_back(race):
    document, begun = race
    won, lost = Ending(), Ending()
    arrivals = Arrivals()
    arrivals.put(arrived(begun.effects[0], won))
    arrivals.put(arrived(begun.effects[1], lost))
    taken = arrivals.take()
    ended = dsl.advance(document, begun.state, [one.arrival for one in taken], now=NOW)
    assert len(arrivals.count(taken, begun.state, ended)) == 1
    assert arrivals.close() is won
    taken = arrivals.take()
    again = dsl.advance(document, ended.state, [one.arrival for one in taken], now=NOW)
    assert arrivals.count(taken, ended.state, again) == []
    assert arrivals.close() is None
    await lost.ended.wait()
    assert not won.ended.is_set()


async def test_what_loses_by_an_arrival_of_the_same_moment_is_rolled_back(race):
    document, begun = race
    lost = Ending()
    arrivals = Arrivals()
    arrivals.put(arrived(begun.effects[0]))
    arrivals.put(arrived(begun.effects[1], lost))
    taken = arrivals.take()
    ended = dsl.advance(document, begun.state, [one.arrival for one in taken], now=NOW)
    assert [step.reference for step in arrivals.count(taken, begun.state, ended)] == [begun.effects[0].reference]
    await lost.ended.wait()


async def test_a_run_that_is_let_go_leaves_nothing_open(race):
    _, begun = race
    endings = [Ending(), Ending()]
    arrivals = Arrivals()
    for effect, ending in zip(begun.effects, endings, strict=False):
        arrivals.put(arrived(effect, ending))
    arrivals.take()
    arrivals.give_up()
    for ending in endings:
        await ending.ended.wait()
