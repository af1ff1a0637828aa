"""A copy of the project with functions of its own: what a user would put into `lib/functions`."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
FUNCTIONS = Path(__file__).parent / "functions"


def copy_project(folder: Path) -> Path:
    """The functions, the library and the SQL, with tests/fire/functions beside the functions that ship."""
    for part in ("api", "lib", "sql"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "dev", "examples"))
    shutil.copy(ROOT / "vercel.json", folder)
    shutil.copytree(FUNCTIONS, folder / "lib" / "functions", dirs_exist_ok=True)
    return folder
