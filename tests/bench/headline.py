"""`python -m tests.bench.headline`: the README's first table, written from what the bench has found and kept."""

import json
import sys
from typing import Any

from tests.bench.contenders import CEILINGS
from tests.bench.page import KEPT
from tests.bench.report import figure, render_table
from tests.readme import README, replace_block

BEGIN = "<!-- bench: written by python -m tests.bench.headline -->"
END = "<!-- /bench -->"
OURS = "ratchet"


def render(kept: dict[str, Any]) -> str:
    """The block of the README, markers included: a row for each figure, a column for each contender."""
    panels = {title: bars for part in kept.values() for title, bars in part["panels"].items()}
    peers = {name for bars in panels.values() for name in bars} - {OURS} - CEILINGS
    names = [OURS, *sorted(peers)]
    rows = [
        (title, *(figure(bars[name]) if name in bars else "–" for name in names))
        for title, bars in panels.items()
        if OURS in bars and bars.keys() & peers
    ]
    return f"{BEGIN}\n{render_table(('', *names), rows)}\n{END}"


def main() -> int:
    """Write the README's block anew."""
    README.write_text(replace_block(README.read_text(), render(json.loads(KEPT.read_text()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
