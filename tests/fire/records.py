"""What the fault tests have proved, kept beside them; one that proves something else than is written there fails."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

RECORD = Path(__file__).parent / "RECORD.json"
# Set to anything, the record is written anew instead of being compared.
REWRITE = "RECORD_FAULTS"


@dataclass(frozen=True)
class Row:
    """One row of the README's table: what is promised, what was done to it and how often, and what came of it."""

    promise: str
    fault: str
    injected: int
    outcome: str


def read_record() -> dict[str, Row]:
    """The rows by the test that has proved them."""
    rows = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    return {test: Row(**row) for test, row in rows.items()}


def keep(test: str, row: Row) -> None:
    """Compare what a test has proved with what is written, or write it; raises AssertionError."""
    rows = read_record()
    if os.environ.get(REWRITE):
        rows[test] = row
        RECORD.write_text(json.dumps({name: asdict(rows[name]) for name in sorted(rows)}, indent=2) + "\n")
        return
    assert rows.get(test) == row, f"{RECORD.name} says otherwise of {test}: run it with {REWRITE}=1"
