"""One helper process: started without environment, asked one thing at a time, killed when it takes too much.

How long is too long is counted in CPU time of the helper: a busy machine, or a function that its platform has frozen,
must not make an expression fail.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from lib.dsl import guard_helper
from lib.dsl.guard_helper import HEADER, NO_VALUES

MEMORY_BYTES = 256 * 1024 * 1024
# Until a helper has started, or answered: whoever takes longer to use up its CPU time has had a small part of a core.
PATIENCE_SECONDS = 5.0
LAST_LOOK_SECONDS = 0.05  # who was frozen meanwhile finds the answer there, though its time is over
REAPER = "guard reaper"
BROKEN = f"it needed more than {MEMORY_BYTES // 1_048_576} MiB of memory, or broke jq"


class LostError(Exception):
    """The helper is gone: the program has taken all the time it may, or broke it."""


class NoHelperError(Exception):
    """This system does not let us have a helper, or gives it no time."""


class Helper:
    """A process that may still be starting: asking it waits until it is ready."""

    def __init__(self) -> None:
        self.done = False
        self._ready = False
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603  # our own script, with our own interpreter
                    _command(),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env=_environment(),
                    start_new_session=True,
                )
            except OSError as exc:
                self._socket.close()
                raise NoHelperError(str(exc)) from exc

    @property
    def alive(self) -> bool:
        """Whether the process has not ended by itself or by somebody else."""
        return self._process.poll() is None

    def ask(self, program: bytes, values: bytes | None, cpu_seconds: float) -> tuple[bytes, str]:
        """The kind of the answer, and its text; whatever it raises, the helper can only be killed.

        Raises LostError when it is the program's fault that there is none, NoHelperError when it is not.
        """
        if not self._ready:
            self._get_ready()
        numbers = (len(program), NO_VALUES if values is None else len(values), round(cpu_seconds * 1_000_000))
        request = b"".join([*(number.to_bytes(4) for number in numbers), program, values or b""])
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            self._socket.settimeout(PATIENCE_SECONDS)
            self._socket.sendall(request)
            return self._receive(deadline)
        except TimeoutError:
            raise NoHelperError(f"it got no time to answer within {PATIENCE_SECONDS:g} s") from None
        except OSError:
            raise LostError(self._explain_end(cpu_seconds)) from None

    def kill(self) -> None:
        """Ends the process; somebody else waits for its end, which takes as long as its memory is large."""
        self._socket.close()
        self._process.kill()
        if self._process.poll() is None:
            threading.Thread(target=self._process.wait, name=REAPER, daemon=True).start()

    def end(self) -> None:
        """Ends the process and waits until it is gone."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Leaves the process to whom it belongs: we are a copy of the process that started it."""
        self._socket.close()
        self._process.returncode = 0

    def _get_ready(self) -> None:
        try:
            self._receive(time.monotonic() + PATIENCE_SECONDS)
        except OSError as exc:
            raise NoHelperError(f"the process did not start: {exc or self._process.poll()}") from exc
        self._ready = True

    def _receive(self, deadline: float) -> tuple[bytes, str]:
        data = bytearray()
        missing = HEADER
        while missing > 0:
            self._socket.settimeout(max(deadline - time.monotonic(), LAST_LOOK_SECONDS))
            more = self._socket.recv(max(missing, 65536))
            if not more:
                raise ConnectionResetError
            data += more
            if len(data) >= HEADER:
                missing = HEADER + int.from_bytes(data[2:HEADER]) - len(data)
        self.done = bool(data[1])
        return bytes(data[:1]), data[HEADER:].decode()

    def _explain_end(self, cpu_seconds: float) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        out_of_time = self._process.returncode == -signal.SIGPROF
        return f"it took longer than {cpu_seconds:g} s" if out_of_time else BROKEN


def _command() -> list[str]:
    found = importlib.util.find_spec("jq")
    folder = Path(found.origin if found and found.origin else "").parent
    script = str(Path(guard_helper.__file__))
    # -I and -E: no environment; -S: no site-packages, whose folder comes last, so that nothing there stands in for
    # the standard library
    return [sys.executable, "-I", "-S", "-E", script, str(folder), str(MEMORY_BYTES)]


def _environment() -> dict[str, str]:
    """Nothing but where an interpreter that is not at home here finds its own libraries."""
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
