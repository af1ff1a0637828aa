"""The soak itself, for seconds: every point is struck, nothing is lost; and a build that breaks a promise is found."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lib.dev.postgres import Server
from tests.soak import broken, documents, wave
from tests.soak.crash_points import POINTS
from tests.soak.invariants import Violation
from tests.soak.plan import Plan
from tests.soak.soak import SETTINGS, Failed, run_wave, shrink, soak

pytestmark = pytest.mark.anyio
# Much of what a broken build does shows at the end of a wave only.
SHORT = Plan(0, seconds=5.0)
# What makes each of them show soon: sleepers that wake too late, events that cross, many hands, anything at all.
PLANS = {
    "the fence is removed": replace(SHORT, faults=("freeze", "expire", "cut")),
    "the event lock is removed": replace(SHORT, faults=("events", "expire"), kinds=("talk", "act")),
    "the lease is ignored": replace(SHORT, faults=("expire",)),
    broken.GLOBAL_SEQUENCE: SHORT,
}


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Postgres that may be crashed."""
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    with Server(tmp_path_factory.mktemp("soak") / "data", durable=False, settings=SETTINGS) as running:
        yield running


@pytest.mark.timeout(240)  # it ends as soon as every point is struck: 10 s, or longer on a busy machine
async def test_killed_at_every_named_point_nothing_is_lost_and_nothing_counts_twice(own_server: Server):
    counts = await run_wave(own_server, Plan(seed=11, seconds=120, faults=("point", "cancel"), until_struck=True))
    assert {point for point in POINTS if not counts.points[point]} == set()


@pytest.mark.parametrize("build", broken.BUILDS)
async def test_a_build_that_is_broken_on_purpose_is_found_out(own_server: Server, build: str):
    with pytest.raises(Failed):
        await soak(own_server, seed=3, seconds=40, build=build, plan=PLANS[build])


async def test_what_failed_is_told_with_its_seed_and_the_smallest_plan_that_fails(own_server: Server):
    build = broken.GLOBAL_SEQUENCE
    with pytest.raises(Failed) as failed:
        await soak(own_server, seed=7, seconds=20, build=build, plan=SHORT)
    smallest = await shrink(own_server, failed.value, build=build, seconds=10)
    assert _size(smallest.plan) < _size(failed.value.plan)
    assert f"seed {smallest.plan.seed}" in str(smallest)
    assert "io.serverlessworkflow.workflow.started.v1" in str(smallest)  # the history of a run that broke it


def _size(plan: Plan) -> int:
    return plan.instances + plan.documents + plan.live_runs + len(plan.kinds) + len(plan.faults)


async def test_runs_that_do_not_end_are_told_as_they_stand(own_server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wave, "STILL_SECONDS", -1.0)  # whoever is left at the end has no time at all
    with pytest.raises(Violation, match="every run comes to its end") as violation:
        await run_wave(own_server, Plan(seed=5, seconds=2, faults=()))
    told = str(violation.value)
    assert f'run {{"id": "{violation.value.runs[0]}"' in told
    assert "commit [" in told
    assert '"waits for": "ClientRead"' in told


async def test_runs_that_fail_are_told_with_their_error(own_server: Server, monkeypatch: pytest.MonkeyPatch):
    failing = {"raise": {"error": {"type": "https://soak.example/failed", "status": 418}}}
    monkeypatch.setattr(wave, "_outside", lambda: documents.document("soak-outside", [{"fail": failing}]))
    with pytest.raises(Violation, match="no run has failed") as violation:
        await run_wave(own_server, Plan(seed=5, seconds=2, faults=("events",)))
    assert 'error {"type":"https://soak.example/failed"' in str(violation.value)
