"""How runs look while they run, and what they have come to: text for a person."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from lib.dev.progress import RunProgress, TaskProgress
from lib.dev.terminal import Terminal

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
BAR_WIDTH = 30
NAME_WIDTH = 13
GLYPHS = {
    "completed": ("✓", "green"),
    "faulted": ("✗", "red"),
    "failed": ("✗", "red"),
    "cancelled": ("⊘", "yellow"),
}


def draw_runs(runs: Sequence[RunProgress], terminal: Terminal) -> list[str]:
    """All runs with all their tasks, as lines for a live terminal."""
    lines = []
    for run in runs:
        lines.append("")
        lines.append(f"{_glyph(run.run['status'], terminal)} {terminal.paint(run.workflow, 'bold')}")
        lines.extend(f"  {describe_task(task, terminal)}" for task in run.leaves)
    return lines


def describe_task(task: TaskProgress, terminal: Terminal) -> str:
    """One task in one line: how it stands, how often it was done, how long that took, what went wrong."""
    often = f"{task.count}×" if task.count > 1 else ""
    took = f"{task.seconds:.2f} s" if task.count else ""
    wrong = f"{', '.join(task.faults)}: tried again" if task.faults and task.status != "faulted" else ""
    wrong = wrong or ", ".join(task.faults)
    text = f"{_glyph(task.status, terminal)} {task.name:{NAME_WIDTH}} {often:>4} {took:>7}  "
    return (text + terminal.paint(wrong, "yellow")).rstrip()


def describe_result(value: Any, terminal: Terminal) -> Iterable[str]:
    """A result as lines: names and values, and a list of rows as a table with a bar for its number."""
    for name, each in value.items():
        if isinstance(each, list) and each and isinstance(each[0], dict):
            yield f"  {terminal.paint(name, 'dim')}"
            yield from _draw_table(each, terminal)
        else:
            yield f"  {terminal.paint(f'{name:{NAME_WIDTH}}', 'dim')} {each}"


def _draw_table(rows: list[dict[str, Any]], terminal: Terminal) -> Iterable[str]:
    columns = list(rows[0])
    widths = [max(len(str(row[column])) for row in rows) for column in columns]
    number = next((column for column in columns if isinstance(rows[0][column], int | float)), None)
    largest = max((row[number] for row in rows), default=0) if number else 0
    for row in rows:
        cells = [_cell(row[column], width) for column, width in zip(columns, widths, strict=True)]
        bar = "█" * round(row[number] / largest * BAR_WIDTH) if number and largest else ""
        yield f"    {'  '.join(cells)}  {terminal.paint(bar, 'yellow')}".rstrip()


def _cell(value: Any, width: int) -> str:
    return f"{value:>{width}}" if isinstance(value, int | float) else f"{value!s:{width}}"


def _glyph(status: str, terminal: Terminal) -> str:
    glyph, colour = GLYPHS.get(status, (SPINNER[int(time.monotonic() * 10) % len(SPINNER)], "cyan"))
    return terminal.paint(glyph if terminal.live or status in GLYPHS else "·", colour)
