import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "lib" / "dev" / "find-python"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH whose every Python is a pyenv shim of a version that is not there."""
    for name in ("python3.12", "python3.13", "python3.14", "python3", "python"):
        shim = tmp_path / "bin" / name
        shim.parent.mkdir(exist_ok=True)
        shim.write_text(f"#!/bin/sh\necho 'pyenv: {name}: command not found' >&2\nexit 127\n")
        shim.chmod(0o755)
    return tmp_path / "bin"


def find(path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", SCRIPT], env={"PATH": str(path), **env}, capture_output=True, text=True, check=False
    )


def test_takes_a_pyenv_version_when_all_shims_fail(path: Path, tmp_path: Path) -> None:
    hidden = tmp_path / ".pyenv" / "versions" / "3.12.9" / "bin" / "python3"
    hidden.parent.mkdir(parents=True)
    hidden.symlink_to(sys.executable)
    assert find(path, HOME=str(tmp_path)).stdout.strip() == str(hidden)
    assert find(path, HOME="/nowhere", PYENV_ROOT=str(tmp_path / ".pyenv")).stdout.strip() == str(hidden)


def test_takes_the_one_it_is_told_and_no_other(path: Path) -> None:
    assert find(path, PYTHON=sys.executable).stdout.strip() == sys.executable
    refused = find(path, PYTHON="/bin/false")
    assert refused.returncode == 1
    assert refused.stderr == "PYTHON=/bin/false is no Python 3.12 or newer with venv.\n"


def test_says_in_one_sentence_that_there_is_none(path: Path, tmp_path: Path) -> None:
    refused = find(path, HOME=str(tmp_path))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("No Python 3.12 or newer (with its venv module) was found: install one")
    assert refused.stderr.count("\n") == 1
