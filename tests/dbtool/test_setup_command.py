"""`python -m lib.dbtool.setup` as its owner meets it: SQL to read, URLs once, weaknesses with their fixes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from lib.dbtool.setup import login_url, main
from lib.dev.postgres import Server


@pytest.fixture
def url(server: Server, root: Path) -> Iterator[str]:
    """The owner's URL of a fresh database with the sample application."""
    made = server.create_database("setup_command")
    with psycopg.connect(made, autocommit=True) as conn:
        conn.execute((root / "tests" / "dbtool" / "schema.sql").read_bytes())
    yield made
    server.drop_database("setup_command")


def run(root: Path, url: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lib.dbtool.setup", "--schema", "rental", "--read-role", "command_reader",
         "--write-role", "command_writer", *arguments],
        cwd=root, env={**os.environ, "DATABASE_URL": url, **env},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_command_prints_sql_that_makes_the_logins_and_changes_nothing_itself(root: Path, url: str) -> None:
    printed = run(root, url)
    assert printed.returncode == 0
    given = dict(line.split("=", 1) for line in printed.stderr.splitlines() if line.startswith("DB_TOOL_"))
    with psycopg.connect(url, autocommit=True) as conn:
        exists = "select count(*) from pg_roles where rolname in ('command_reader', 'command_writer')"
        assert conn.execute(exists).fetchone() == (0,)
        conn.execute(printed.stdout.encode())
        assert conn.execute(exists).fetchone() == (2,)
    assert list(given) == ["DB_TOOL_READ_URL", "DB_TOOL_WRITE_URL"]
    for login_to in given.values():
        assert login_to.split(":")[2].split("@")[0] not in printed.stdout
        psycopg.connect(login_to).close()
    checked = run(root, url, "--check", **given)
    assert checked.returncode == 1
    assert "WEAKNESS  A policy trusts a setting" in checked.stdout
    assert "1 weakness found." in checked.stdout
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("alter policy only_the_own_tenant on rental.tenant_notes using (tenant = current_user)")
    assert run(root, url, "--check", **given).returncode == 0
    again = run(root, url, "--apply")
    assert (again.returncode, again.stderr) == (0, "")
    assert "DB_TOOL_READ_URL stays as it is" in again.stdout
    assert "rental.members.pin_hash" in again.stdout
    rotated = run(root, url, "--apply", "--rotate").stdout
    psycopg.connect(rotated.split("DB_TOOL_WRITE_URL=")[1].split("\n")[0]).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(given["DB_TOOL_WRITE_URL"])


def test_one_login_for_both_is_named_once(root: Path, url: str) -> None:
    checked = run(root, url, "--check", DB_TOOL_READ_URL=url, DB_TOOL_WRITE_URL=url)
    owner = psycopg.conninfo.conninfo_to_dict(url)["user"]
    assert checked.returncode == 1
    assert f"  {owner}: " in checked.stdout
    assert f"{owner} and {owner}" not in checked.stdout


def test_what_is_wrong_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for url in ("postgresql://me:secret@127.0.0.1:1/x", "postgresql//me:secret@127.0.0.1/x"):
        for mode in ("--apply", "--check"):
            assert main([mode, "--url", url]) == 2
            said = capsys.readouterr().err
            assert said.startswith("setup: ")
            assert "secret" not in said


@pytest.mark.parametrize(
    ("url", "user", "expected"),
    [
        ("postgresql://o:p@h:5432/d?sslmode=require", "o", "postgresql://r:s%2F@h:5432/d?sslmode=require"),
        ("postgresql://o.tenant:p@h/d", "o", "postgresql://r.tenant:s%2F@h/d"),
        ("postgres://o:p%40@[::1]:1/d", "o", "postgres://r:s%2F@[::1]:1/d"),
        ("host=h dbname=d user=o password=p", "o", "postgresql://r:s%2F@h:5432/d"),
    ],
)
def test_the_urls_differ_in_the_login_alone(url: str, user: str, expected: str) -> None:
    assert login_url(url, "r", "s/", user) == expected
