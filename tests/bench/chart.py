"""Bar charts as SVG, written by hand: no library is worth its weight for three rows of rectangles."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT, BAR, GAP, TOP, BOTTOM = 720, 140, 80, 18, 8, 36, 20
OURS, THEIRS, NOBODYS, INK = "#2563eb", "#94a3b8", "#e2e8f0", "#0f172a"
STYLE = f"font-family:system-ui,sans-serif;font-size:12px;fill:{INK}"


@dataclass(frozen=True)
class Panel:
    """Bars under a title, in their order; `spreads`, of rounds, are drawn as lines from the slowest to the fastest."""

    title: str
    bars: Mapping[str, float]
    spreads: Mapping[str, Sequence[float]]

    @property
    def height(self) -> int:
        """In pixels."""
        return TOP + len(self.bars) * (BAR + GAP) + BOTTOM


def draw(panels: Sequence[Panel], ours: str, ceilings: Set[str]) -> str:
    """One below the other, values to the right; the contender called `ours` stands out.

    Those called `ceilings` are no contenders: the others fill the width, and where one is longer, it is cut.
    """
    parts, y = [], 0
    for panel in panels:
        parts += _draw_panel(panel, ours, ceilings, y)
        y += panel.height
    size = f'viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" style="{STYLE}">'
    told = "; ".join(panel.title for panel in panels)
    back = f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{escape(told)}</title>", back, *parts, "</svg>", ""])


def _draw_panel(panel: Panel, ours: str, ceilings: Set[str], y: int) -> list[str]:
    reaches = {name: max([value, *panel.spreads.get(name, ())]) for name, value in panel.bars.items()}
    largest = max([reach for name, reach in reaches.items() if name not in ceilings] or reaches.values())
    scale = (WIDTH - LEFT - RIGHT) / (largest or 1)
    title = f'<tspan font-weight="600">{escape(panel.title)}</tspan>'
    legend = "; the lines: from the slowest round to the fastest" if panel.spreads else ""
    lines = [f'<text x="10" y="{y + 22}">{title}{legend}</text>']
    for number, (name, value) in enumerate(panel.bars.items()):
        top = y + TOP + number * (BAR + GAP)
        color = OURS if name == ours else NOBODYS if name in ceilings else THEIRS
        cut = value > largest
        end = LEFT + max(min(value, largest) * scale, 1)
        lines += [
            f'<text x="{LEFT - 8}" y="{top + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{end - LEFT:.1f}" height="{BAR}" rx="2" fill="{color}"/>',
        ]
        if cut:
            lines.append(_draw_cut(end - 40, top))
        elif name in panel.spreads:
            low, high = (LEFT + reach * scale for reach in panel.spreads[name])
            lines.append(_draw_spread(low, high, top))
            end = max(end, high)
        lines.append(f'<text x="{end + 6:.1f}" y="{top + 13}">{_label(value)}</text>')
    return lines


def _draw_cut(x: float, top: int) -> str:
    """A gap across the bar: it is longer than it is drawn."""
    points = f"{x},{top - 1} {x + 8},{top - 1} {x + 2},{top + BAR + 1} {x - 6},{top + BAR + 1}"
    return f'<polygon points="{points}" fill="#ffffff"/>'


def _draw_spread(low: float, high: float, top: int) -> str:
    middle, path = top + BAR // 2, f"M{low:.1f} {top + 5}v8M{high:.1f} {top + 5}v8"
    return f'<path d="{path}M{low:.1f} {middle}H{high:.1f}" stroke="{INK}" stroke-width="1" fill="none"/>'


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
