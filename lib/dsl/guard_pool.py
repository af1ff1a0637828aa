"""The helpers of this process: started when needed, kept warm, replaced when lost."""

import asyncio
import atexit
import os
import threading
from contextlib import nullcontext

from lib.dsl.guard_process import Helper, LostError, NoHelperError

HELPERS = 4
SPARES = 2
# Of the helper's CPU time, for one evaluation.
SECONDS = 1.5
LOOP_SECONDS = 0.25  # where an event loop waits, so does everybody else


class Pool:
    """Gives each evaluation a helper of its own."""

    def __init__(self) -> None:
        self._idle: list[Helper] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(HELPERS)
        self.losses = 0  # how often a program has cost a helper: who sees it grow has waited for nothing

    def ask(self, program: bytes, values: bytes | None) -> tuple[bytes, str]:
        """A helper's answer; raises LostError for what the program did to it, NoHelperError for what the system did."""
        on_loop = _on_event_loop()
        # Threads line up behind each other; a loop, which is one of few, must not stand in that line.
        with nullcontext() if on_loop else self._places:
            helper = self._take()
            try:
                answer = helper.ask(program, values, LOOP_SECONDS if on_loop else SECONDS)
            except BaseException as exc:
                helper.kill()
                if isinstance(exc, LostError):
                    self.losses += 1
                    self._replace()
                raise
            self._give_back(helper)
            return answer

    def close(self) -> None:
        """Ends all helpers that are not at work."""
        while self._idle:
            self._idle.pop().end()

    def forget(self) -> None:
        """After a fork, in the child: the helpers are the parent's."""
        for helper in self._idle:
            helper.forget()
        self._idle, self._lock, self._places = [], threading.Lock(), threading.BoundedSemaphore(HELPERS)

    def _take(self) -> Helper:
        while True:
            with self._lock:
                if not self._idle:
                    break
                helper = self._idle.pop()  # the one that was used last: its programs are compiled
            if helper.alive:
                return helper
            helper.kill()
        return Helper()

    def _give_back(self, helper: Helper) -> None:
        with self._lock:
            keeps = not helper.done and len(self._idle) < HELPERS
            if keeps:
                self._idle.append(helper)
        if not keeps:
            helper.kill()
            self._replace()

    def _replace(self) -> None:
        """Starts helpers for those who come next: where one was lost, the next one may be, too."""
        while len(self._idle) < SPARES:
            try:
                spare = Helper()
            except NoHelperError:
                return  # who needs it will say so
            with self._lock:
                self._idle.insert(0, spare)  # it is still starting: the others first


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


POOL = Pool()
atexit.register(POOL.close)
os.register_at_fork(after_in_child=POOL.forget)
