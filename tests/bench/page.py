"""RESULTS.md and chart.svg, made of what each part found last: found.json keeps it, so that one can be run again."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.chart import draw
from tests.bench.report import Section, Target, render_targets

HERE = Path(__file__).parent
KEPT = HERE / "found.json"


@dataclass
class Found:
    """What one part found; `told` says when, where and with which command."""

    told: str = ""
    sections: list[Section] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    panels: dict[str, dict[str, float]] = field(default_factory=dict)


def keep(part: str, found: Found) -> None:
    """In place of what the part found before."""
    kept = _read()
    kept[part] = asdict(found)
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def write_page(order: Iterable[str], ours: str) -> str:
    """The page of all parts there are, in this order; answers its text."""
    kept = _read()
    parts = [_load(kept[part]) for part in order if part in kept]
    targets = [target for part in parts for target in part.targets]
    panels = {title: bars for part in parts for title, bars in part.panels.items()}
    lines = [
        "# What the bench found\n",
        "Compare within a table only: the machine is shared. Rounds are interleaved, figures are medians.\n",
        "![Steps per second, latency and WAL](chart.svg)\n",
        render_targets(targets).render(),
    ]
    for part in parts:
        lines += [section.render() for section in part.sections]
        lines.append(f"<sub>{part.told}</sub>\n")
    text = "\n".join(lines)
    (HERE / "RESULTS.md").write_text(text)
    (HERE / "chart.svg").write_text(draw(panels, ours))
    return text


def _read() -> dict[str, Any]:
    return dict(json.loads(KEPT.read_text())) if KEPT.exists() else {}


def _load(kept: dict[str, Any]) -> Found:
    return Found(
        kept["told"],
        [Section(**section) for section in kept["sections"]],
        [Target(**target) for target in kept["targets"]],
        kept["panels"],
    )
