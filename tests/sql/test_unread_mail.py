"""Mail that nobody will read does not stay: it would keep its events from being forgotten, for ever."""

import pytest

from lib import store
from lib.store import Mail
from tests import mailroom
from tests.history import sql

pytestmark = pytest.mark.anyio


async def test_a_run_that_stops_listening_leaves_no_unread_events_behind(database: str):
    held = await mailroom.hold()
    await held.commit(Mail(listens=[(1, ["paid"], {})]))
    await store.deliver_events([mailroom.event("1"), mailroom.event("2")])
    await held.commit(Mail(listens=[]))
    assert await mailroom.inbox(held.id) == []
    await held.commit(None, status="completed", released=True, result="{}")
    assert await sql("select count(*) from ratchet.inbox") == [(0,)]


async def test_what_it_did_not_take_is_offered_when_it_listens_again(database: str):
    held = await mailroom.hold()
    await held.commit(Mail(listens=[(1, ["paid"], {})]))
    await store.deliver_events([mailroom.event("1")])
    await held.commit(Mail(listens=[]))
    await held.wait(listens=[(2, ["paid"], {})])
    assert await mailroom.inbox(held.id) == ["1"]
