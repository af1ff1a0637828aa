"""Reads the mail of held runs when a commit or an event tells of some: one query at a time for each run."""

import asyncio
from collections.abc import Callable

from lib import store
from lib.engine.hold import Hold
from lib.errors import RatchetError
from lib.log import log


class InboxReader:
    """Puts mail into mailboxes in the background; `mark` is told of each run that has been read for."""

    def __init__(self, mark: Callable[[Hold], None]) -> None:
        self._mark = mark
        self._tasks: set[asyncio.Task[None]] = set()

    def fetch(self, hold: Hold) -> None:
        """There is mail for this run that it does not have yet."""
        hold.mailbox.wanted = True
        if not hold.mailbox.fetching:
            hold.mailbox.fetching = True
            task = asyncio.create_task(self._read(hold))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _read(self, hold: Hold) -> None:
        try:
            while hold.mailbox.wanted:
                hold.mailbox.wanted = False
                hold.mailbox.put(await store.read_inbox(hold.run_id))
        except RatchetError as exc:  # the next commit tells of it again
            log("engine.inbox_unread", run_id=hold.run_id, error=repr(exc))
        finally:
            hold.mailbox.fetching = False
        self._mark(hold)
