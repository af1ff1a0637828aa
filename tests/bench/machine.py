"""What the pure machine costs: `python -m tests.bench.machine` prints tasks per second, memory and the cost of history.

States are values, so the very same transition is measured over and over from where a run stands.
"""

import platform
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from lib import dsl

NOW = datetime(2024, 1, 1, tzinfo=UTC)
ABOUT = {"dsl": "1.0.3", "namespace": "bench", "name": "machine", "version": "1.0.0"}
COUNT: list[dict[str, Any]] = [
    {"count": {"set": {"n": "${ .n + 1 }"}}},
    {"again": {"switch": [{"more": {"when": ".n >= 0", "then": "count"}}]}},
]


def each(iterations: int) -> dsl.Document:
    """A `for` of this many iterations of one task."""
    loop = {"for": {"each": "item", "in": f"[range({iterations})]"}, "do": [{"work": {"set": {"n": "${ $item }"}}}]}
    return dsl.compile_document({"document": ABOUT, "do": [{"loop": loop}]})


def endless() -> dsl.Document:
    """Two tasks that follow each other for ever: whatever grows is history."""
    return dsl.compile_document({"document": ABOUT, "do": COUNT})


def play(document: dsl.Document, budget: int) -> Iterator[dsl.Transition]:
    """A run, transition by transition, of at most `budget` tasks each; every state goes through its dump."""
    transition = dsl.start(document, run_id="bench", input={"n": 0}, now=NOW, budget=budget)
    yield transition
    while transition.more:
        state = dsl.State.load(transition.state.dump())
        transition = dsl.advance(document, state, [], now=NOW, budget=budget)
        yield transition


def stand(document: dsl.Document, completed: int) -> dsl.State:
    """Where a run is after so many tasks."""
    done = 0
    budget = min(completed, 2_000)
    for transition in play(document, budget):
        done += budget
        if done >= completed:
            return transition.state
    raise AssertionError("the run ended before")


def microseconds_per_task(*completed: int, tasks: int = 200, rounds: int = 31) -> list[float]:
    """What a task costs after so many others, with writing and reading the state: medians of interleaved rounds."""
    document = endless()
    states = [stand(document, number) for number in completed]
    seconds: list[list[float]] = [[] for _ in states]
    for _ in range(rounds):
        for state, found in zip(states, seconds, strict=True):
            began = time.perf_counter()
            dsl.advance(document, dsl.State.load(state.dump()), [], now=NOW, budget=tasks)
            found.append(time.perf_counter() - began)
    return [median(found) / tasks * 1e6 for found in seconds]


def history_ratio(few: int, many: int) -> float:
    """How much dearer a task is after many others than after a few; the least of three tries, the machine is shared."""
    pairs = [microseconds_per_task(few, many, rounds=11) for _ in range(3)]
    return min(later / earlier for earlier, later in pairs)


def tasks_per_second(iterations: int) -> float:
    """How fast a `for` runs, with a written state every 2,000 tasks."""
    document = each(iterations)
    began = time.perf_counter()
    *_, last = play(document, 2_000)
    assert isinstance(last.outcome, dsl.Completed)
    return iterations / (time.perf_counter() - began)


def memory_over_time(iterations: int) -> list[tuple[int, int, int]]:
    """Iterations done, bytes of Python objects and bytes of the process, ten times along a `for`."""
    document = each(iterations)
    found = []
    tracemalloc.start()
    try:
        for position, _ in enumerate(play(document, iterations // 10)):
            found.append((position + 1, tracemalloc.get_traced_memory()[0], resident()))
    finally:
        tracemalloc.stop()
    return [(min(position * iterations // 10, iterations), traced, resident) for position, traced, resident in found]


def resident(pid: int | str = "self") -> int:
    """Bytes of memory that a process has."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except OSError:  # only Linux tells
        return 0


def main() -> None:
    """Prints the tables."""
    iterations = 100_000
    print(f"Python {platform.python_version()}, {platform.machine()}\n")
    print(f"A `for` of {iterations:,} iterations: {tasks_per_second(iterations):,.0f} tasks/s\n")
    print("| iterations done | Python objects, MB | process, MB |\n|--:|--:|--:|")
    for done, traced, resident in memory_over_time(iterations):
        print(f"| {done:,} | {traced / 1e6:.1f} | {resident / 1e6:.0f} |")
    print("\n| completed tasks | µs per task |\n|--:|--:|")
    numbers = (10, 1_000, 100_000)
    for completed, cost in zip(numbers, microseconds_per_task(*numbers), strict=True):
        print(f"| {completed:,} | {cost:.1f} |")


if __name__ == "__main__":
    main()
