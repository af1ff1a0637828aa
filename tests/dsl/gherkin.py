"""Reads the little Gherkin that the specification's conformance kit is written in."""

import textwrap
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

KEYWORDS = ("Given ", "When ", "Then ", "And ", "But ")
QUOTES = '"""'


@dataclass(frozen=True)
class Step:
    """One line of a scenario, without its keyword, and the text block below it."""

    text: str
    block: str | None = None


@dataclass(frozen=True)
class Scenario:
    name: str
    steps: tuple[Step, ...]


def read_scenarios(path: Path) -> list[Scenario]:
    """All scenarios of a feature file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.strip().startswith("Scenario:")]
    return [
        Scenario(lines[start].split(":", 1)[1].strip(), tuple(_read_steps(lines[start + 1 : end])))
        for start, end in pairwise([*starts, len(lines)])
    ]


def _read_steps(lines: list[str]) -> list[Step]:
    steps: list[Step] = []
    block: list[str] | None = None
    for line in lines:
        text = line.strip()
        if block is not None and text.endswith(QUOTES):
            steps[-1] = Step(steps[-1].text, textwrap.dedent("\n".join(block)))
            block = None
        elif block is not None:
            block.append(line)
        elif text.startswith(QUOTES):
            block = []
        elif text.startswith(KEYWORDS):
            steps.append(Step(text.split(" ", 1)[1]))
    return steps
