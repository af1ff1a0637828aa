"""The README's first table says what the bench has found, and nothing else."""

import json

from tests.bench import headline
from tests.bench.page import KEPT
from tests.readme import README, replace_block


def test_the_readme_says_what_the_bench_found():
    text = README.read_text()
    assert replace_block(text, headline.render(json.loads(KEPT.read_text()))) == text


def test_a_figure_that_was_not_measured_is_a_dash():
    kept = {
        "a": {"panels": {"steps/s": {"bare ceiling": 9e4, "bare asyncio": 5e4, "ratchet": 4753.4, "peer": 12.34}}},
        "b": {"panels": {"ms": {"ratchet": 1.234}}},
    }
    assert headline.render(kept).splitlines()[1:-1] == [
        "|  | ratchet | peer |",
        "|---|--:|--:|",
        "| steps/s | 4,753 | 12.3 |",
    ]
