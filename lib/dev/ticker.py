"""The clock of the local platform: calls each cron of vercel.json as the platform does."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import httpx

from lib.dev.functions import Log
from lib.dev.router import Cron

TIMEOUT_SECONDS = 900.0


class Ticker:
    """Calls every cron once per `seconds`, twice at once if a call takes longer than that; None: never.

    The schedules themselves are not read: all of ours say "every minute", which is what 60 s mean.
    """

    def __init__(self, crons: Sequence[Cron], seconds: float | None, log: Log) -> None:
        self._crons = crons
        self._seconds = seconds
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, url: str, secret: str | None) -> None:
        """Begin to tick against the platform at `url`; the first call comes after one interval."""
        if self._seconds is not None:
            self._spawn(self._tick(self._seconds, url, secret))

    async def stop(self) -> None:
        """Stop ticking and let go of calls under way."""
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tick(self, seconds: float, url: str, secret: str | None) -> None:
        headers = {"User-Agent": "vercel-cron/1.0"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS) as client:
            while True:
                await asyncio.sleep(seconds)
                for cron in self._crons:
                    self._spawn(self._call(client, cron))

    async def _call(self, client: httpx.AsyncClient, cron: Cron) -> None:
        try:
            await client.get(cron.path)
        except httpx.HTTPError as error:
            self._log("cron", f"GET {cron.path} failed: {error or type(error).__name__}")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
