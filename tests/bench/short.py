"""The bench for CI: ratios to the bare ceiling measured in the same minutes, held against those we remember.

Machines differ, ratios do not: it fails only when one has collapsed to half.
"""

import json
from pathlib import Path

from tests.bench import latency, throughput
from tests.bench.contenders import BARE, RATCHET, prepare_field
from tests.bench.lab import Lab, percentile
from tests.bench.machine import history_ratio
from tests.bench.sizes import Sizes

REMEMBERED = Path(__file__).with_name("ratios.json")
RUNS, ROUNDS, LATENCY_RUNS = 400, 5, 40


def measure(lab: Lab) -> dict[str, float]:
    """Ratios of which more is better."""
    field, _ = prepare_field(lab, [RATCHET, BARE], Sizes().patience)
    rounds = throughput.compare(lab, field, processes=1, runs=RUNS, rounds=ROUNDS)
    ours, bare = (throughput.medians(rounds.found[each.name]) for each in (RATCHET, BARE))
    waits = latency.compare(lab, field, runs=LATENCY_RUNS, rounds=ROUNDS, http=False)
    ours_ms, bare_ms = (
        percentile([ms for one in waits.found[each.name] for ms in one["whole"]], 50) for each in (RATCHET, BARE)
    )
    return {
        "steps per second, of the bare ceiling's": ours.steps_per_second / bare.steps_per_second,
        "the bare ceiling's WAL bytes per step, of ours": bare.wal_bytes / ours.wal_bytes,
        "the bare ceiling's p50 of one run, of ours": bare_ms / ours_ms,
        "a task's cost after 200 others, of that after 20,000": 1 / history_ratio(200, 20_000),
    }


def run_short(lab: Lab, *, remember: bool) -> int:
    """Measure and judge, or measure and remember; answers the exit code."""
    found = {name: round(ratio, 3) for name, ratio in measure(lab).items()}
    if remember:
        REMEMBERED.write_text(json.dumps(found, indent=2) + "\n")
    expected = json.loads(REMEMBERED.read_text())
    collapsed = [name for name, ratio in found.items() if ratio < expected[name] / 2]
    for name, ratio in found.items():
        print(
            f"{'COLLAPSED' if name in collapsed else 'ok':10} {ratio:6.3f} (remembered: {expected[name]:.3f})  {name}"
        )
    return 1 if collapsed else 0
