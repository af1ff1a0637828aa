"""One process of a contender: asked over its standard input, given up when it dies or says nothing for too long."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.bench.lab import ROOT
from tests.bench.rounds import NotRun

GRACE_SECONDS = 0.05


class Worker:
    """A started process; `patience` is how many seconds it may take to answer, `log` takes what it says aloud."""

    def __init__(self, command: Sequence[str], url: str, log: Path, patience: float) -> None:
        self._patience = patience
        self._log = log.open("ab")
        self._quiet_until = log.stat().st_size
        self._unread = b""
        self._folder = tempfile.TemporaryDirectory(prefix="ratchet-bench-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url, "TMPDIR": self._folder.name},
            start_new_session=True,  # what it starts ends with it
        )

    def ask(self, do: str, **arguments: Any) -> Any:
        """One command and its answer; raises NotRun when the process dies of it or does not answer in time."""
        assert self._process.stdin
        with suppress(BrokenPipeError):  # its output has ended, too
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        return json.loads(self._read_line(do))

    def _read_line(self, do: str) -> bytes:
        assert self._process.stdout
        until = time.monotonic() + self._patience
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._process.stdout], [], [], max(until - time.monotonic(), 0))
            if not ready:
                raise NotRun(f"no answer to `{do}` within {self._patience:g} s{self._last_words()}")
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            if not data:
                raise NotRun(f"its process ended at `{do}`{self._last_words()}")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def check(self) -> None:
        """Raises NotRun when the process has died since it was asked."""
        if self._process.poll() is not None:
            raise NotRun(f"its process ended at work{self._last_words()}")

    def _last_words(self) -> str:
        """The last line that it has logged, as the end of a sentence."""
        with Path(self._log.name).open("rb") as log:
            log.seek(self._quiet_until)
            lines = log.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f": {said[-1]}" if said else ""

    def cpu_seconds(self) -> float:
        """CPU time so far of it and of what it has started, in seconds."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                if int(stat.read_text().rpartition(")")[2].split()[2]) == self._process.pid:
                    found.append(int(stat.parent.name))
        return cpu_seconds(found)

    def stop(self) -> None:
        """End it, as a crash would: what it still holds is nobody's concern."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()
        self._log.close()
        self._folder.cleanup()


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of these processes so far, in hundredths of a second (Linux; 0 elsewhere)."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
