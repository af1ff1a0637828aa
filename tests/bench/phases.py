"""Where a step's CPU goes: samples of the engine's stack, by what the innermost of our own frames is there for."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tests.bench.contenders import Prepared
from tests.bench.lab import Lab
from tests.bench.peers.protocol import STEPS_PER_RUN

WARM_UP = 100
INTERVAL_SECONDS = 0.001
JSON = "writing JSON (state, events, output, entries)"
LOOP = "event loop"
# Part of a file's path, the function in it or "", and what time spent there is spent on; the first that fits counts.
PHASES = (
    ("lib/dsl/state.py", "dump", "state as plain data"),
    ("lib/dsl/arguments.py", "", "the call's arguments"),
    ("lib/dsl/", "", "the machine: what comes next"),
    ("lib/engine/hold.py", "", "a run's turn: what came, what to commit, what to start"),
    ("lib/engine/mail.py", "", "a run's turn: what came, what to commit, what to start"),
    ("lib/engine/arrivals.py", "", "a run's turn: what came, what to commit, what to start"),
    ("lib/engine/keeper.py", "", "state as plain data"),
    ("lib/engine/effects.py", "", "around the call: context, time limit, outcome"),
    ("lib/engine/admission.py", "", "around the call: context, time limit, outcome"),
    ("lib/calls/", "", "the call: parameters checked, function run, result as JSON values"),
    ("tests/bench/", "", "the call: parameters checked, function run, result as JSON values"),
    ("lib/store/values.py", "", JSON),
    ("lib/store/journal.py", "", JSON),
    ("lib/store/", "", "entries to the database, verdicts back"),
    ("lib/db.py", "", "entries to the database, verdicts back"),
    ("psycopg", "", "driver and pool"),
    ("lib/engine/", "", "reactor, sessions, claims"),
)


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Count what this process's main thread is at, once per millisecond of CPU time, within the block."""
    found: Counter[str] = Counter()

    def look(_number: int, frame: FrameType | None) -> None:
        found[_phase(frame)] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        yield found
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _phase(frame: FrameType | None) -> str:
    while frame:
        path, function = frame.f_code.co_filename, frame.f_code.co_name
        for part, name, phase in PHASES:
            if part in path and name in ("", function):
                return phase
        frame = frame.f_back
    return LOOP


def measure(lab: Lab, ours: Prepared, *, runs: int) -> dict[str, float]:
    """Microseconds of CPU that a step of one process costs, by what they are spent on, most of them first."""
    with lab.copy(ours.template) as url, ours.processes(url, 1) as (worker,):
        worker.ask("sample", runs=WARM_UP)
        found = worker.ask("sample", runs=runs)
    each = found["seconds"] * 1e6 / (runs * STEPS_PER_RUN) / sum(found["phases"].values())
    return {phase: samples * each for phase, samples in Counter(found["phases"]).most_common()}
