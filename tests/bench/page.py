"""RESULTS.md and chart.svg, made of what each part found last: found.json keeps it, so that one can be run again."""

import json
from collections.abc import Iterable, Iterator, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.chart import Panel, draw
from tests.bench.report import Section, Target, render_targets

HERE = Path(__file__).parent
KEPT = HERE / "found.json"
HOW_TO_READ = """\
Compare within a table only: contenders, clients and Postgres share the cores of one machine, and take turns on it.
Rounds are interleaved, each on a fresh database; figures are medians, a range goes from the least round to the
largest. Who fails in one round is left out and listed below. Nothing here was measured on Vercel, through a pooler
or over a network, except where a table says so. How each peer is used is in its script in [peers](peers/).
`make bench` measures all of it again, `make bench ARGS=--help` tells how to measure more.
"""


@dataclass
class Found:
    """What one part found; `told` says when, where and with which command, `failed` why it last could not be run.

    `panels` are charts, by title and contender, `spreads` the least and the largest round of some of them.
    """

    told: str = ""
    sections: list[Section] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    panels: dict[str, dict[str, float]] = field(default_factory=dict)
    spreads: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    not_run: list[str] = field(default_factory=list)
    failed: str = ""


class Page:
    """The page in one folder, and what it is made of."""

    def __init__(self, folder: Path = HERE) -> None:
        self._folder = folder
        self._kept = folder / KEPT.name

    def keep(self, part: str, found: Found) -> None:
        """In place of what the part found before."""
        text = json.dumps(self._read() | {part: asdict(found)}, indent=1, ensure_ascii=False)
        new = self._kept.with_suffix(".new")
        new.write_text(text + "\n")
        new.replace(self._kept)  # whole or not at all: it takes half an hour to find it again

    def keep_failure(self, part: str, reason: str) -> None:
        """Beside what the part found before, if it did: that stays, and is said to be older."""
        found = self._load(part) or Found()
        found.failed = reason
        self.keep(part, found)

    def write(self, order: Iterable[str], ours: str, ceilings: Set[str]) -> str:
        """The page of all parts there are, in this order, and its chart; answers its text."""
        text, chart = self.render(order, ours, ceilings)
        (self._folder / "RESULTS.md").write_text(text)
        (self._folder / "chart.svg").write_text(chart)
        return text

    def render(self, order: Iterable[str], ours: str, ceilings: Set[str]) -> tuple[str, str]:
        """The text of the page, and its chart."""
        found = {part: self._load(part) for part in order}
        parts = [part for part in found.values() if part]
        lines = ["# What the bench found\n", HOW_TO_READ, "![Steps per second, latency and WAL](chart.svg)\n"]
        lines.append(render_targets([target for part in parts for target in part.targets]).render())
        lines += ["## Not run\n", *([f"- {line}" for line in _not_run(found)] or ["Nothing: all is here."]), ""]
        for part in parts:
            lines += [section.render() for section in part.sections]
            lines += [f"<sub>{part.told}</sub>\n"] if part.told else []
        panels = [_panel(part, title) for part in parts for title in part.panels]
        return "\n".join(lines), draw(panels, ours, ceilings)

    def _read(self) -> dict[str, Any]:
        return dict(json.loads(self._kept.read_text())) if self._kept.exists() else {}

    def _load(self, part: str) -> Found | None:
        kept = self._read().get(part)
        if kept is None:
            return None
        sections = [Section(**section) for section in kept["sections"]]
        return Found(**kept | {"sections": sections, "targets": [Target(**target) for target in kept["targets"]]})


def _panel(part: Found, title: str) -> Panel:
    return Panel(title, part.panels[title], part.spreads.get(title, {}))


def _not_run(found: dict[str, Found | None]) -> Iterator[str]:
    """A line for each part, contender or size that the page has no figure of."""
    for name, part in found.items():
        if part is None:
            yield f"{name}: never asked for"
            continue
        if part.failed:
            yield f"{name}: {part.failed}{' The figures below are older.' if part.sections else ''}"
        yield from (f"{name}: {line}" for line in part.not_run)
