"""An instance may die between any two statements of a step: what the step wrote is written once, in the end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.sql.ledger import Urls

KILLS = 40


@pytest.mark.timeout(180)
def test_whoever_is_killed_between_two_statements_has_written_everything_or_nothing(root: Path, ledger: Urls):
    """By hand, a thousand: `python -m tests.engine.sql.killed`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.sql.killed", "--kills", str(KILLS), "--seed", "4"],
        cwd=root,
        env={**os.environ, **ledger.environment},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{KILLS} kills")
