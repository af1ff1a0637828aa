"""Events reach whoever listens, exactly once, whoever comes first."""

import asyncio

import pytest

from lib import store
from lib.store import Mail
from tests.history import move_clock, sql
from tests.mailroom import blocked, event, hold, inbox, is_due, listener, session

pytestmark = pytest.mark.anyio

DELIVER = "select ratchet.deliver_events(array['/tests'], array['a'], array['paid'], array['{}'])"


async def test_an_event_wakes_the_runs_that_listen_to_its_type_or_to_any(database: str):
    paid, anything, other = await listener("shipped", "paid"), await listener(None), await listener("shipped")
    delivery = await store.deliver_events([event("a")])
    assert (delivery.accepted, delivery.duplicates) == (1, 0)
    assert set(delivery.woken) == {paid.id, anything.id}
    assert [await is_due(run.id) for run in (paid, anything, other)] == [True, True, False]
    [mail] = (await hold(paid.id)).inbox
    assert mail["event"] == event("a")


async def test_an_event_wakes_nobody_who_wants_its_type_from_another_source_only(database: str):
    here, there, both, any_ = [await hold() for _ in range(4)]
    await here.wait(listens=[(1, ["paid"], {"paid": ["/tests"]})])
    await there.wait(listens=[(1, ["paid", "shipped"], {"paid": ["/elsewhere"]})])
    await both.wait(listens=[(1, ["paid"], {"paid": ["/elsewhere"]}), (2, ["paid"], {"paid": ["/x", "/tests"]})])
    await any_.wait(listens=[(1, ["paid"], {})])
    assert set((await store.deliver_events([event("a")])).woken) == {here.id, both.id, any_.id}
    assert [await is_due(run.id) for run in (here, there, both, any_)] == [True, False, True, True]
    assert await inbox(there.id) == []
    delivery = await store.deliver_events([event("b", type="shipped"), event("c", source="/elsewhere")])
    assert set(delivery.woken) == {there.id, both.id, any_.id}
    assert await inbox(there.id) == ["b", "c"]


async def test_of_the_kept_events_those_of_its_sources_are_offered_to_who_comes_later(database: str):
    await store.deliver_events([event("a"), event("b", source="/elsewhere")])
    run = await hold()
    await run.wait(listens=[(1, ["paid"], {"paid": ["/elsewhere"]})])
    assert await inbox(run.id) == ["b"]
    held = await hold(run.id)
    [mail] = held.inbox
    more = [(1, ["paid"], {"paid": ["/elsewhere", "/tests"]})]
    await held.commit(Mail(read=[mail["id"]], taken=[mail["number"]], listens=more))
    assert await inbox(run.id) == ["a"]


async def test_what_the_release_before_says_of_listening_means_every_source(database: str):
    run = await hold()
    await sql("select ratchet.subscribe(%s::json, 1)", f'[{{"run":"{run.id}","listens":[[1,["paid"]],[2,null]]}}]')
    rows = await sql("select listener, type, sources from ratchet.subscriptions order by listener")
    assert rows == [(1, "paid", None), (2, None, None)]


async def test_a_listener_whose_sources_become_others_is_never_without_a_subscription(database: str):
    """The release before does not say any: it may take over a run that this one has suspended to listen."""
    run = await hold()
    before = "select sources from ratchet.subscriptions"
    for sources, told in ((["/a"], ["/a"]), (["/b", "/c"], ["/b", "/c"]), (None, None), (["/a"], ["/a"])):
        await run.commit(Mail(listens=[(1, ["paid"], {} if sources is None else {"paid": sources})]))
        assert await sql(before) == [(told,)]


async def test_the_same_source_and_id_twice_counts_once(database: str):
    run = await listener("paid")
    await store.deliver_events([event("a"), event("a", data="other"), event("b")])
    again = await store.deliver_events([event("b"), event("a")])
    assert (again.accepted, again.duplicates, again.woken) == (0, 2, [])
    assert await inbox(run.id) == ["a", "b"]


async def test_events_of_a_batch_keep_their_order(database: str):
    run = await listener(None)
    ids = ["c", "a", "b", "0"]
    await store.deliver_events([event(id, type=f"type-{id}") for id in ids])
    assert await inbox(run.id) == ids


async def test_an_event_with_a_nul_character_in_its_data_is_kept_to_the_letter(database: str):
    run = await listener("paid")
    await store.deliver_events([event("a", data={"text": "\0", "number": 1.10})])
    assert (await hold(run.id)).inbox[0]["event"]["data"] == {"text": "\0", "number": 1.1}
    sender = await hold()
    await sender.commit(Mail(emitted=[event("b", data="\0")]))
    assert await inbox(run.id) == ["a", "b"]


async def test_a_held_run_is_not_disturbed_and_learns_of_mail_at_its_next_commit(database: str):
    run = await hold()
    assert not (await run.commit(Mail(listens=[(1, ["paid"], {})]))).mail
    await store.deliver_events([event("a")])
    assert not await is_due(run.id)
    assert (await run.commit(Mail())).mail
    [mail] = await store.read_inbox(run.id)
    assert not (await run.commit(Mail(read=[mail["id"]], taken=[mail["number"]]))).mail


async def test_a_run_that_is_let_go_with_unread_mail_is_due_at_once(database: str):
    run = await hold()
    await run.commit(Mail(listens=[(1, ["paid"], {})]))
    await store.deliver_events([event("a")])
    verdict = await run.wait()
    assert (verdict.mail, list(verdict.woken)) == (True, [run.id])
    assert await is_due(run.id)


async def test_a_suspended_run_keeps_its_mail_until_it_is_resumed(database: str):
    run = await listener("paid")
    await store.suspend_run(run.id)
    await store.deliver_events([event("a")])
    assert not await is_due(run.id)
    await store.resume_run(run.id)
    assert len((await hold(run.id)).inbox) == 1


async def test_an_event_that_came_before_its_listener_is_offered_to_it(database: str):
    await store.deliver_events([event("a"), event("x", type="other"), event("b")])
    run = await listener("paid")
    assert await inbox(run.id) == ["a", "b"]
    assert await is_due(run.id)


async def test_an_event_that_some_run_took_is_offered_to_nobody_who_comes_later(database: str):
    first, second = await listener("paid"), await listener("paid")
    await store.deliver_events([event("a"), event("b")])
    [a, b] = (held := await hold(first.id)).inbox
    await held.commit(Mail(read=[a["id"], b["id"]], taken=[a["number"]]))
    assert await inbox(first.id) == []
    assert await inbox(second.id) == ["a", "b"]  # both were there when it came
    assert await inbox((await listener("paid")).id) == ["b"]


async def test_a_listener_that_stays_is_not_offered_an_event_again(database: str):
    run = await listener("paid")
    await store.deliver_events([event("a")])
    held = await hold(run.id)
    await held.commit(Mail(read=[held.inbox[0]["id"]], listens=[(1, ["paid"], {})]))
    assert await inbox(run.id) == []
    await held.commit(Mail(listens=[(1, ["paid"], {}), (2, ["paid"], {})]))
    assert await inbox(run.id) == ["a"]  # the new listener has not seen it


async def test_a_kept_event_is_forgotten_after_its_time(database: str):
    await store.deliver_events([event("a")])
    await move_clock("25 hours")
    run = await listener("paid")
    assert await inbox(run.id) == []
    await store.deliver_events([event("b")])
    assert await store.delete_old_events(days=1, limit=10) == 1
    assert await sql("select id from ratchet.cloud_events") == [("b",)]


async def test_an_old_event_is_kept_while_an_inbox_holds_it(database: str):
    run = await listener("paid")
    await store.deliver_events([event("a")])
    await move_clock("3 days")
    assert await store.delete_old_events(days=1, limit=10) == 0
    assert len((await hold(run.id)).inbox) == 1


async def test_who_listens_no_more_gets_nothing(database: str):
    run = await hold()
    await run.commit(Mail(listens=[(1, ["paid"], {}), (2, None, {})]))
    await run.commit(Mail(listens=[]))
    assert (await store.deliver_events([event("a")])).woken == []


async def test_the_end_of_a_run_forgets_its_mail_and_what_it_listened_to(database: str):
    ended, cancelled = await hold(), await hold()
    for run in (ended, cancelled):
        await run.commit(Mail(listens=[(1, ["paid"], {})]))
    await store.deliver_events([event("a")])
    await ended.end()
    await store.cancel_run(cancelled.id)
    assert await sql("select count(*) from ratchet.inbox") == [(0,)]
    assert await sql("select count(*) from ratchet.subscriptions") == [(0,)]


async def test_an_emitted_event_is_delivered_by_the_commit_that_emits_it(database: str):
    run, sender = await listener("paid"), await hold()
    verdict = await sender.commit(Mail(emitted=[event("a")]))
    assert list(verdict.woken) == [run.id]
    assert await inbox(run.id) == ["a"]


async def test_a_run_hears_what_it_emits_itself(database: str):
    run = await hold()
    assert (await run.commit(Mail(listens=[(1, ["paid"], {})], emitted=[event("a")]))).mail


async def test_a_holder_that_lost_its_lease_emits_nothing_and_takes_nothing(database: str):
    run = await listener("paid")
    await store.deliver_events([event("a")])
    late = await hold(run.id)
    await sql("update ratchet.runs set due_at = ratchet.clock() where id = %s", run.id)
    await hold(run.id)
    mail = late.inbox[0]
    verdict = await late.wait(read=[mail["id"]], taken=[mail["number"]], emitted=[event("b")], listens=[])
    assert not verdict.held
    assert await inbox(run.id) == ["a"]
    assert await sql("select id, consumed from ratchet.cloud_events") == [("a", False)]


async def test_an_entry_that_arrives_again_counts_once(database: str):
    sender, run = await hold(), await listener("paid")
    entry = sender.entry(Mail(emitted=[event("a")], listens=[(1, ["paid"], {})]))
    [first] = await store.commit_batch(sender.lease, 60, [entry])
    [again] = await store.commit_batch(sender.lease, 60, [entry])
    assert (first.held, again.held, first.seq) == (True, True, again.seq)
    assert await inbox(run.id) == ["a"]


async def test_a_delivery_waits_for_a_subscription_that_is_being_committed_and_sees_it(database: str):
    run = await hold()
    listens = f'[{{"run": "{run.id}", "listens": [[1, ["paid"]]]}}]'
    async with session(database) as other:
        await other.execute("select ratchet.lock_event_types('{}', array['paid'])")
        await other.execute("select ratchet.subscribe(%s::json, 1)", (listens,))
        delivery = asyncio.create_task(store.deliver_events([event("a")]))
        await blocked(delivery, ["advisory"])
        await other.commit()
        assert (await delivery).woken == [run.id]
    assert await inbox(run.id) == ["a"]


async def test_a_subscription_waits_for_a_delivery_that_is_being_committed_and_is_offered_it(database: str):
    run = await hold()
    async with session(database) as other:
        await other.execute(DELIVER)
        commit = asyncio.create_task(run.wait(listens=[(1, ["paid"], {})]))
        await blocked(commit, ["advisory"])
        await other.commit()
        assert (await commit).mail
    assert await inbox(run.id) == ["a"]


async def test_a_listener_to_any_type_waits_for_a_delivery_of_whichever(database: str):
    run = await hold()
    async with session(database) as other:
        await other.execute(DELIVER)
        commit = asyncio.create_task(run.wait(listens=[(1, None, {})]))
        await blocked(commit, ["advisory"])
        await other.commit()
        assert (await commit).mail


async def test_two_deliveries_do_not_wait_for_each_other(database: str):
    async with session(database) as other:
        await other.execute(DELIVER)
        async with asyncio.timeout(5):
            assert (await store.deliver_events([event("b")])).accepted == 1


async def test_a_run_that_is_let_go_during_a_delivery_is_due_after_it(database: str):
    run = await hold()
    await run.commit(Mail(listens=[(1, ["paid"], {})]))
    async with session(database) as other:
        await other.execute(DELIVER)
        release = asyncio.create_task(run.wait())
        await blocked(release)
        await other.commit()
        assert (await release).mail
    assert await is_due(run.id)


async def test_a_claim_passes_by_a_run_that_is_being_written_to_and_finds_the_mail_later(database: str):
    run = await listener("paid")
    await sql("update ratchet.runs set due_at = ratchet.clock() where id = %s", run.id)
    async with session(database) as other:
        await other.execute(DELIVER)
        assert await store.claim_runs(run.lease, limit=9, lease_seconds=60) == []
        await other.commit()
    assert len((await hold(run.id)).inbox) == 1
