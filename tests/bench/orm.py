"""What an ORM would cost: `python -m tests.bench.orm` measures raw psycopg and six others, each in its own environment.

Prints a table and writes it to ORM.md beside this file, under the decision that it led to.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.lab import HOME, Lab, describe_machine, open_lab, say
from tests.bench.report import figure, render_table
from tests.bench.rounds import interleave

HERE = Path(__file__).parent
DRIVER = "psycopg[binary]==3.3.9"
WAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "psycopg, dataclass rows": ("raw_psycopg", (DRIVER,)),
    "SQLAlchemy Core": ("sqlalchemy_core", (DRIVER, "sqlalchemy[asyncio]==2.1.9")),
    "SQLAlchemy ORM": ("sqlalchemy_orm", (DRIVER, "sqlalchemy[asyncio]==2.1.9")),
    "SQLModel": ("sqlmodel_orm", (DRIVER, "sqlmodel", "sqlalchemy[asyncio]")),
    "Django ORM": ("django_orm", (DRIVER, "django")),
    "Piccolo (asyncpg)": ("piccolo_orm", ("piccolo[postgres]",)),
    "Tortoise": ("tortoise_orm", ("tortoise-orm[psycopg]", DRIVER)),
}
# What a bundle does not ship.
NOT_SHIPPED = ("pip", "setuptools", "wheel")
TABLE = """
create table items (id bigint primary key, name text not null, data jsonb not null, created_at timestamptz not null);
insert into items select n, 'item ' || n, '{"a": 1, "b": ["x", "y"]}', now() from generate_series(1, 1000) n;
"""
FIGURES = ("import_ms", "first_ms", "get_us", "list_us")


def install(way: str) -> str | None:
    """Its environment, once; answers why not."""
    _, packages = WAYS[way]
    venv = environment(way)
    if (venv / "installed").exists():
        return None
    say(f"installing {', '.join(packages)}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
    command = [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *packages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1][:200]
    (venv / "installed").touch()
    return None


def environment(way: str) -> Path:
    """Where it is."""
    return HOME / "orm" / WAYS[way][0]


def measure(way: str, url: str) -> dict[str, float]:
    """One fresh process."""
    command = [str(environment(way) / "bin" / "python"), str(HERE / "orms" / "measure.py"), WAYS[way][0], url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def bundle_mb(way: str) -> float:
    """Its packages on disk, without bytecode."""
    (packages,) = (environment(way) / "lib").glob("*/site-packages")
    files = (path for path in packages.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return (
        sum(path.stat().st_size for path in files if not path.relative_to(packages).parts[0].startswith(NOT_SHIPPED))
        / 1e6
    )


def shown_version(way: str) -> str:
    """The library's version."""
    name = WAYS[way][1][-1 if way != "Tortoise" else 0].partition("==")[0].partition("[")[0]
    if way == "SQLModel":
        name = "sqlmodel"
    code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
    python = str(environment(way) / "bin" / "python")
    return subprocess.run([python, "-c", code, name], capture_output=True, text=True, check=True).stdout.strip()


def run(lab: Lab, rounds: int) -> str:
    """All ways, round by round, as a table."""
    url = lab.template("orms")
    with lab.connect(url) as conn:
        conn.execute(TABLE)
    absent = {way: reason for way in WAYS if (reason := install(way))}
    cases: dict[str, Callable[[], dict[str, float]]] = {}
    for way in WAYS:
        if way not in absent:
            try:
                measure(way, url)
            except RuntimeError as error:
                absent[way] = str(error)
            else:
                cases[way] = lambda way=way: measure(way, url)
    rows = []
    for way, found in interleave(rounds, cases, vital=cases).found.items():
        figures = [figure(min(one[name] for one in found)) for name in FIGURES]
        rows.append((f"{way} {shown_version(way)}", *figures, figure(bundle_mb(way))))
    header = ("way", "import ms", "connect and first query ms", "get one µs", "list of 100 µs", "packages MB")
    missing = "".join(f"\n\nNot run: {way} ({reason})." for way, reason in absent.items())
    return render_table(header, rows) + missing


def main() -> None:
    """Measure, print, write."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with open_lab() as lab:
        machine, table = describe_machine(lab), run(lab, rounds)
    text = (
        (HERE / "orms" / "decision.md")
        .read_text()
        .format(
            command=f"python -m tests.bench.orm {rounds}",
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            machine=machine,
            table=table,
        )
    )
    (HERE / "ORM.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
