import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from lib.dev import postgres_home
from lib.dev.errors import DevError
from lib.dev.postgres import Server

PARENT = """
import sys, time
from lib.dev.postgres import Server
server = Server(sys.argv[1], durable=False)
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


def test_keeps_its_data_between_starts(tmp_path: Path) -> None:
    for expected in (1, 2):
        with Server(tmp_path / "data", durable=True) as server:
            url = server.ensure_database("kept")
            with psycopg.connect(url) as conn:
                conn.execute("create table if not exists starts ()")
                conn.execute("insert into starts default values")
                assert conn.execute("select count(*) from starts").fetchone() == (expected,)
                assert conn.execute("show fsync").fetchone() == ("on",)
    shutil.rmtree((tmp_path / "data").resolve())


def test_clones_a_template_and_throws_out_who_is_connected(server: Server) -> None:
    with psycopg.connect(server.create_database("pattern")) as conn:
        conn.execute("create table marks (word text)")
        conn.execute("insert into marks values ('copied')")
    clone = psycopg.connect(server.create_database("a clone", template="pattern"))
    assert clone.execute("select word from marks").fetchone() == ("copied",)
    server.drop_database("a clone")
    with pytest.raises(psycopg.OperationalError):
        clone.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(server.url("a clone"))


def test_lets_nobody_in_without_its_password(server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://{postgres_home.SUPERUSER}@127.0.0.1:{server.port}/postgres")


@pytest.mark.parametrize("durable", [False, True])
def test_removes_throwaway_data_and_stops_its_processes(tmp_path: Path, durable: bool) -> None:
    with Server(tmp_path / "data", durable=durable, kept=False) as server:
        pid, place = server.pid, server.data_dir.resolve()
    assert not (tmp_path / "data").is_symlink()
    assert not place.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_dies_with_its_parent_even_by_sigkill(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    watcher = os.pidfd_open(pid)
    parent.kill()
    parent.communicate()
    assert wait_for_exit(watcher)


def test_takes_its_data_back_from_a_server_that_was_killed(tmp_path: Path) -> None:
    with Server(tmp_path / "data", durable=False) as server:
        server.ensure_database("kept")
        watcher = os.pidfd_open(server.pid)
        os.kill(server.pid, signal.SIGKILL)
        assert wait_for_exit(watcher)
        server.stop()
        server.start()
        psycopg.connect(server.url("kept")).close()


def test_ignores_the_process_id_of_somebody_else(tmp_path: Path) -> None:
    with Server(tmp_path / "data", durable=False) as server:
        server.stop()
        lock = server.data_dir / "postmaster.pid"
        lock.write_text(f"{os.getpid()}\n{server.data_dir}\n")
        server.start()
        psycopg.connect(server.url("postgres")).close()


def test_two_servers_never_share_their_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.dev.postgres.STOP_SECONDS", 0.2)
    with (
        Server(tmp_path / "data", durable=False) as first,
        pytest.raises(DevError, match=rf"Another Postgres \(process {first.pid}\) already uses"),
    ):
        Server(tmp_path / "data", durable=False).start()


def test_says_why_it_cannot_start(tmp_path: Path) -> None:
    with Server(tmp_path / "data", durable=False) as server:
        server.stop()
        (server.data_dir / "PG_VERSION").write_text("9\n")
        with pytest.raises(DevError, match=r"Postgres did not start: .*incompatible"):
            server.start()


def test_never_fills_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "diary.txt").write_text("mine")
    with pytest.raises(DevError, match="holds something that is no Postgres data of ours"):
        Server(tmp_path / "data", durable=True).start()


def test_names_the_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_home, "PACKAGE", "embedded-nothing")
    with pytest.raises(DevError, match="The package embedded-nothing is not installed"):
        Server(tmp_path / "data", durable=True).start()


def wait_for_exit(watcher: int) -> bool:
    """Whether the process of this pidfd is gone within ten seconds."""
    try:
        return bool(select.select([watcher], [], [], 10)[0])
    finally:
        os.close(watcher)
