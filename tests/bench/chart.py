"""Bar charts as SVG, written by hand: no library is worth its weight for three rows of rectangles."""

from collections.abc import Mapping
from html import escape

WIDTH, LEFT, BAR, GAP, TOP = 720, 130, 18, 8, 34
OURS, THEIRS = "#2563eb", "#94a3b8"
STYLE = "font-family:system-ui,sans-serif;font-size:12px"


def draw(panels: Mapping[str, Mapping[str, float]], ours: str) -> str:
    """One panel of bars per title, values to the right of them; the contender called `ours` stands out."""
    parts, y = [], 0
    for title, bars in panels.items():
        parts.append(_panel(title, bars, ours, y))
        y += TOP + len(bars) * (BAR + GAP) + 16
    size = f'viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{STYLE}">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>', *parts, "</svg>", ""])


def _panel(title: str, bars: Mapping[str, float], ours: str, y: int) -> str:
    largest = max(bars.values(), default=1) or 1
    lines = [f'<text x="10" y="{y + 22}" font-weight="600">{escape(title)}</text>']
    for number, (name, value) in enumerate(bars.items()):
        top = y + TOP + number * (BAR + GAP)
        width = max(value / largest * (WIDTH - LEFT - 90), 1)
        color = OURS if name == ours else THEIRS
        lines += [
            f'<text x="{LEFT - 8}" y="{top + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR}" rx="2" fill="{color}"/>',
            f'<text x="{LEFT + width + 6:.1f}" y="{top + 13}">{_label(value)}</text>',
        ]
    return "\n".join(lines)


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
