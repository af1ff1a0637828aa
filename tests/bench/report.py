"""What a bench says in the end: sections of tables in Markdown, and the headline they lead to."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Section:
    """A table under a title; `note` says how to read it."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    note: str = ""

    def render(self) -> str:
        """As Markdown."""
        lines = [f"## {self.title}", ""]
        lines += [self.note, ""] if self.note else []
        return "\n".join([*lines, render_table(self.header, self.rows), ""])


@dataclass(frozen=True)
class Target:
    """What was promised, and what was found; `met` is None where nothing was measured."""

    what: str
    promised: str
    found: str
    met: bool | None


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column is text, the others are figures."""
    lines = [f"| {' | '.join(header)} |", "|---" + "|--:" * (len(header) - 1) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def render_targets(targets: Sequence[Target]) -> Section:
    """The promises as a table."""
    says = {True: "met", False: "**missed**", None: "not measured"}
    rows = [(one.what, one.promised, one.found, says[one.met]) for one in targets]
    return Section("Targets", ("what", "promised", "found", ""), rows)


def figure(value: float) -> str:
    """Three digits that matter, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """From the least to the largest."""
    return f"{figure(min(values))}–{figure(max(values))}"


def times(ratio: float) -> str:
    """A ratio."""
    return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.{1 if ratio >= 1 else 2}f}×"
