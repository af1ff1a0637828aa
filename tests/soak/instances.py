"""Instances that cost nothing to kill: one process that has imported everything, and forks one whenever it is told.

Forking by hand is safe here because that process never starts a thread, an event loop or a connection.
"""

import ctypes
import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lib import dsl

PR_SET_PDEATHSIG = 1
# Small enough for the socket, which keeps a document in one piece.
MESSAGE_BYTES = 128 * 1024


@dataclass(frozen=True)
class Order:
    """What one instance is to do: sweep until it reaches `point` for the nth time (None: until it is stopped).

    Before that it cancels a run, if one is named. Its own clock is wrong by `skew_seconds`.
    """

    seed: int
    point: str | None
    nth: int
    claim_limit: int
    cancels: str | None = None
    skew_seconds: float = 0.0


@dataclass(frozen=True)
class Ended:
    """An instance that is gone: by which signal, or with which exit code."""

    pid: int
    signal: int | None
    code: int | None


class Nursery:
    """The process that forks; instances die with it, and it with us."""

    def __init__(self, environment: dict[str, str], world: Path) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        ours.setblocking(False)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.instances", str(theirs.fileno()), str(world)],
            env={**os.environ, **environment},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._process.wait(timeout=10)

    def fork(self, order: Order) -> None:
        """Ask for an instance; its pid comes with `read`."""
        self._socket.send(json.dumps(asdict(order)).encode())

    def teach(self, documents: list[dict[str, Any]]) -> None:
        """Let instances be born with these documents compiled: reading them is most of what a short life would do."""
        for document in documents:
            self._socket.send(json.dumps(document).encode())

    def read(self) -> list[int | Ended]:
        """What has happened since: pids of new instances, and those that ended."""
        found: list[int | Ended] = []
        while True:
            try:
                message = json.loads(self._socket.recv(4096))
            except BlockingIOError:
                return found
            found.append(message if isinstance(message, int) else Ended(**message))


def main(descriptor: int, world: str) -> None:
    """Fork on demand, and tell of every child that ends, until the other side hangs up."""
    _import_everything()
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # it tells of every connection that is cut
    orders = socket.socket(fileno=descriptor)
    orders.settimeout(0.002)
    while True:
        try:
            message = orders.recv(MESSAGE_BYTES)
        except TimeoutError:
            _reap(orders)
            continue
        except ConnectionResetError:  # hung up before it had read all that we had to tell
            return
        if not message:
            return
        order = json.loads(message)
        if "document" in order:
            dsl.load_document(order)
            gc.freeze()  # what is never collected is never copied, either
            continue
        pid = os.fork()
        if pid == 0:
            orders.close()
            _live(Order(**order), world)
        orders.send(json.dumps(pid).encode())


def _reap(orders: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        killed = os.WIFSIGNALED(status)
        ended = Ended(pid, os.WTERMSIG(status) if killed else None, None if killed else os.WEXITSTATUS(status))
        orders.send(json.dumps(asdict(ended)).encode())


def _live(order: Order, world: str) -> None:
    """The life of one instance; it never returns."""
    code = 1
    try:
        _die_with_the_parent()
        from tests.soak.instance import sweep_until_killed

        sweep_until_killed(order, world)
        code = 0
    except BaseException as exc:  # it must not go on as a second nursery, whatever happens
        sys.stderr.write(f"an instance failed: {exc!r}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _die_with_the_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _import_everything() -> None:
    import lib.calls.functions
    import lib.engine.reactor
    import lib.engine.sweeping

    lib.calls.functions.load()


if __name__ == "__main__":
    arguments: list[Any] = sys.argv[1:]
    main(int(arguments[0]), arguments[1])
