"""`python -m tests.soak.table`: the README's table of promises, written from what the suite has recorded."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.fire.records import read_record
from tests.readme import README, replace_block
from tests.soak.invariants import ALWAYS, AT_THE_END

RECORD = Path(__file__).parent / "RECORD.json"
BEGIN = "<!-- faults: written by python -m tests.soak.table -->"
END = "<!-- /faults -->"
# What the soak calls its faults, in a reader's words.
WORDS = {
    "cancel": "runs cancelled",
    "crash": "database crashes (SIGKILL of a server process)",
    "cut": "connections cut",
    "events": "events from outside, one in five sent twice",
    "expire": "leases ended early",
    "freeze": "instances frozen for up to 2.5 leases",
    "interrupt": "statements cancelled by the server",
    "readers": "stream readers that hung up",
    "skew": "instances with a clock up to 10 minutes wrong",
    "suspend": "runs suspended and resumed",
}


def render() -> str:
    """The block of the README, markers included."""
    rows = sorted({(row.promise, row.fault, row.injected, row.outcome) for row in read_record().values()})
    cells = [_soak_row(json.loads(RECORD.read_text())), *rows] if RECORD.exists() else rows
    lines = [f"| {promise} | {fault} | {injected:,} | {outcome} |" for promise, fault, injected, outcome in cells]
    return "\n".join([BEGIN, "| Promise | Fault | Injected | Outcome |", "|---|---|---:|---|", *lines, END])


def _soak_row(record: dict[str, Any]) -> tuple[str, str, int, str]:
    runs = record["runs"]
    others = ", ".join(
        f"{record['faults'][name]:,} {words}" for name, words in WORDS.items() if name in record["faults"]
    )
    return (
        "nothing lost, nothing twice",
        f"SIGKILL at {len(record['points'])} named points and at any moment; beside it {others}",
        record["kills"],
        f"{record['violations']} violations of {len(ALWAYS) + len(AT_THE_END)} invariants: {runs['runs']:,} runs, "
        f"{runs['events']:,} events, {record['seconds'] / 60:.0f} min, seed {record['seed']}",
    )


def main() -> int:
    """Write the README's block anew."""
    README.write_text(replace_block(README.read_text(), render()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
