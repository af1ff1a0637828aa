"""Workflows that run workflows: nobody is held while a parent waits, and no crash starts a child twice."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from lib import dsl, store
from lib.engine.reactor import Reactor
from lib.engine.sweeping import advance_runs, sweep_all
from tests.documents import call, calls, document
from tests.history import event_types, expire_leases, move_clock, sql
from tests.service import Service

pytestmark = pytest.mark.anyio


def sub(name: str = "child", version: str | None = None, **more: Any) -> dict[str, Any]:
    """A task that runs another workflow."""
    wait = {"await": more.pop("awaited")} if "awaited" in more else {}
    given = {"input": more.pop("input")} if "input" in more else {}
    named = {"namespace": "default", "name": name, "version": version or "latest", **given}
    return {"run": {"workflow": named, **wait}, **more}


async def publish(definition: dict[str, Any]) -> None:
    document_ = dsl.compile_document(definition)
    await store.publish_workflow(
        document_.namespace, document_.name, document_.version, definition, document_.type, document_.hash
    )


async def runs() -> dict[str, list[str]]:
    """The statuses of all runs by the name of their workflow, in the order of their starts."""
    found: dict[str, list[str]] = {}
    for name, status in await sql(
        "select w.name, r.status from ratchet.runs r join ratchet.workflows w on w.id = r.workflow_id order by r.id"
    ):
        found.setdefault(name, []).append(status)
    return found


async def result(run_id: UUID) -> Any:
    run = await store.get_run(run_id)
    assert run.status == "completed", run
    return run.result


@pytest.fixture
async def child(start) -> None:
    """A child that calls nobody: it doubles `n`."""
    await publish(document([{"double": {"set": {"twice": "${ .n * 2 }"}}}], name="child"))


async def test_a_parent_goes_on_with_the_output_of_its_child(start, child, reactor: Reactor):
    run_id = await start(
        document([{"ask": sub(input={"n": "${ .x }"})}, {"last": {"set": {"got": "${ .twice }"}}}]), {"x": 4}
    )
    report = await sweep_all(reactor, None)
    assert await result(run_id) == {"got": 8}
    assert report.completed == 2
    [step] = await store.list_steps(run_id, after=None, limit=9)
    assert (step.reference, step.function, step.output) == ("/do/0/ask", "workflow", {"twice": 8})


async def test_nobody_holds_a_parent_while_its_child_waits(start, reactor: Reactor):
    await publish(document([{"nap": {"wait": {"days": 2}}}], name="child"))
    run_id = await start(document([{"ask": sub()}]))
    await sweep_all(reactor, None)
    assert await runs() == {"test": ["waiting"], "child": ["waiting"]}
    assert await sql("select count(*) from ratchet.runs where lease is not null") == [(0,)]
    await move_clock("3 days")
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"


async def test_a_request_goes_on_with_the_children_of_its_run_and_then_with_it(start, child, reactor: Reactor):
    branches = [{f"b{n}": sub(input={"n": n})} for n in range(5)]
    run_id = await start(document([{"all": {"fork": {"branches": branches}}}]))
    await advance_runs(reactor, [run_id], None)
    assert await result(run_id) == [{"twice": 2 * n} for n in range(5)]


async def test_a_child_that_fails_fails_its_parent_at_the_task_that_ran_it(start, reactor: Reactor):
    error = {"type": "https://example.com/errors/no", "status": 418, "title": "No", "detail": "not today"}
    await publish(document([{"refuse": {"raise": {"error": error}}}], name="child"))
    run_id = await start(document([{"ask": sub()}]))
    await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert run.status == "failed"
    assert run.error == error | {"instance": "/do/0/ask"}


async def test_the_fault_of_a_child_can_be_caught(start, reactor: Reactor):
    await publish(
        document([{"refuse": {"raise": {"error": {"type": "https://x.example/no", "status": 418}}}}], name="child")
    )
    tried = {
        "try": [{"ask": sub()}],
        "catch": {"errors": {"with": {"status": 418}}, "do": [{"else": {"set": {"ok": 1}}}]},
    }
    run_id = await start(document([{"attempt": tried}]))
    await sweep_all(reactor, None)
    assert await result(run_id) == {"ok": 1}


async def test_a_failed_parent_that_is_retried_starts_a_new_child(start, reactor: Reactor, service: Service):
    service.failures["/0"] = 1
    await publish(document(calls(service.url, 1), name="child"))
    run_id = await start(document([{"ask": sub()}]))
    await sweep_all(reactor, None)
    assert await runs() == {"test": ["failed"], "child": ["failed"]}
    await store.retry_run(run_id)
    await sweep_all(reactor, None)
    assert await runs() == {"test": ["completed"], "child": ["failed", "completed"]}


async def test_a_workflow_that_is_not_there_is_a_configuration_error(start, reactor: Reactor):
    run_id = await start(document([{"ask": sub("nobody", "1.0.0")}]))
    await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert (run.status, run.error["status"]) == ("failed", 400)
    assert run.error["detail"] == "There is no workflow default/nobody@1.0.0."


async def test_an_input_that_cannot_be_evaluated_fails_the_task(start, child, reactor: Reactor):
    run_id = await start(document([{"ask": sub(input={"n": '${ error("no") }'})}]))
    await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert (run.status, run.error["instance"]) == ("failed", "/do/0/ask")
    assert await runs() == {"test": ["failed"]}


async def test_a_workflow_that_runs_itself_for_ever_fails_at_the_sixteenth_level(start, reactor: Reactor):
    run_id = await start(document([{"again": sub("test")}]))
    await sweep_all(reactor, None)
    assert await runs() == {"test": ["failed"] * 17}
    assert "deeper than 16" in (await store.get_run(run_id)).error["detail"]


async def test_cancelling_a_parent_cancels_its_child_and_the_child_of_that(start, reactor: Reactor, service: Service):
    await publish(document(calls(service.url, 2), name="lowest"))
    await publish(document([{"ask": sub("lowest")}], name="child"))
    run_id = await start(document([{"ask": sub()}]))
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    await store.cancel_run(run_id)
    service.gate.set()
    await sweep
    assert await runs() == {"test": ["cancelled"], "child": ["cancelled"], "lowest": ["cancelled"]}
    assert len(service.requests) == 1


async def test_a_child_that_takes_too_long_is_cancelled_and_its_parent_goes_on(start, reactor: Reactor):
    await publish(document([{"nap": {"wait": {"days": 2}}}], name="child"))
    tried = {
        "try": [{"ask": sub(timeout={"after": {"hours": 1}})}],
        "catch": {"do": [{"late": {"set": {"late": True}}}]},
    }
    run_id = await start(document([{"attempt": tried}]))
    await sweep_all(reactor, None)
    await move_clock("2 hours")
    await sweep_all(reactor, None)
    assert await result(run_id) == {"late": True}
    assert await runs() == {"test": ["completed"], "child": ["cancelled"]}


async def test_the_loser_of_a_race_is_cancelled(start, child, reactor: Reactor):
    await publish(document([{"nap": {"wait": {"days": 2}}}], name="slow"))
    branches = [{"slow": sub("slow")}, {"quick": sub(input={"n": 1})}]
    run_id = await start(document([{"race": {"fork": {"compete": True, "branches": branches}}}]))
    await sweep_all(reactor, None)
    assert await result(run_id) == {"twice": 2}
    assert await runs() == {"test": ["completed"], "slow": ["cancelled"], "child": ["completed"]}


async def test_a_cancelled_child_is_a_fault_of_its_parent(start, reactor: Reactor):
    await publish(document([{"nap": {"wait": {"days": 2}}}], name="child"))
    run_id = await start(document([{"ask": sub()}]))
    await sweep_all(reactor, None)
    [(id,)] = await sql("select id from ratchet.runs where parent_id is not null")
    await store.cancel_run(id)
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).error["detail"] == "The sub-workflow was cancelled."


async def test_a_child_that_nobody_waits_for_outlives_its_parent(start, reactor: Reactor):
    await publish(document([{"nap": {"wait": {"days": 2}}}], name="child"))
    run_id = await start(document([{"fire": sub(awaited=False)}]), {"x": 1})
    await sweep_all(reactor, None)
    assert await result(run_id) == {"x": 1}
    assert await runs() == {"test": ["completed"], "child": ["waiting"]}


async def test_a_parent_whose_function_died_does_not_start_its_child_again(start, reactor: Reactor, service: Service):
    await publish(document([{"nap": {"wait": {"days": 2}}}], name="child"))
    branches = [{"asked": sub()}, {"called": call(service.url)}]
    await start(document([{"both": {"fork": {"branches": branches}}}]))
    service.gate.clear()
    dead = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    dead.cancel()
    await asyncio.wait({dead})
    await expire_leases()
    service.gate.set()
    await sweep_all(Reactor(), None)
    assert await runs() == {"test": ["waiting"], "child": ["waiting"]}


async def test_a_manual_run_lets_a_child_through_like_any_effect(start, child, reactor: Reactor):
    run_id = await start(document([{"ask": sub(input={"n": 1})}, {"again": sub(input={"n": 2})}]), mode="manual")
    for done in range(2):
        await sweep_all(reactor, None)
        assert (await store.get_run(run_id)).status == "suspended"
        assert len((await runs()).get("child", [])) == done
        await store.resume_run(run_id)
    await sweep_all(reactor, None)
    assert await result(run_id) == {"twice": 4}


async def test_a_suspended_parent_goes_on_with_its_childs_outcome_when_it_is_resumed(start, reactor: Reactor):
    await publish(document([{"nap": {"wait": {"days": 2}}}, {"last": {"set": {"woke": 1}}}], name="child"))
    run_id = await start(document([{"ask": sub()}]))
    await sweep_all(reactor, None)
    await store.suspend_run(run_id)
    await move_clock("3 days")
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "suspended"
    await store.resume_run(run_id)
    await sweep_all(reactor, None)
    assert await result(run_id) == {"woke": 1}


async def test_forty_parents_and_two_sweeps_start_each_child_once(start, child, database: str):
    ids = [await start(document([{"ask": sub(input={"n": 1})}, {"again": sub(input={"n": 2})}])) for _ in range(40)]
    await asyncio.gather(sweep_all(Reactor(), None), sweep_all(Reactor(), None))
    await sweep_all(Reactor(), None)
    assert await runs() == {"test": ["completed"] * 40, "child": ["completed"] * 80}
    assert (await event_types(ids[0])).count("task.completed") == 2
