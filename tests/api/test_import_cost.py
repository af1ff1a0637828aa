"""What importing an api file costs, as a ratio: machines differ, and a cold start is made of imports."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path.stem for path in (ROOT / "api").glob("*.py"))
BARE = "psycopg, pydantic"
DEAREST = 1.6
ROUNDS = 3


def cpu_seconds(modules: str) -> float:
    """CPU time of a new process that imports these: others' load counts less in it than in the clock's time."""
    code = f"import time, {modules}; print(time.process_time())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.timeout(300)  # some thirty processes
def test_no_api_file_costs_much_more_than_the_database_driver_and_the_models():
    names = [BARE, *(f"api.{file}" for file in FILES)]
    rounds = [{name: cpu_seconds(name) for name in names} for _ in range(ROUNDS)]
    least = {name: min(found[name] for found in rounds) for name in names}
    ratios = {name: round(least[name] / least[BARE], 2) for name in names}
    assert {name: ratio for name, ratio in ratios.items() if ratio > DEAREST} == {}, ratios
