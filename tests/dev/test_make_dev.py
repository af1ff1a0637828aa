"""`make dev` and `make demo` as a stranger meets them: real processes, real signals, sentences on stderr."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lib.dev.postgres import Server


def command(module: str, root: Path, **env: str) -> subprocess.Popen[str]:
    """`python -m <module>` from the project's root, in an environment without settings of ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RATCHET_", "VERCEL"))}
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=root, env={**clean, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def empty_database(server: Server, tmp_path: Path) -> Iterator[str]:
    yield server.create_database("make_dev")
    server.drop_database("make_dev")


@pytest.fixture
def dev(root: Path, empty_database: str) -> Iterator[subprocess.Popen[str]]:
    """`make dev` on a free port, with a database that was never migrated."""
    process = command("lib.dev", root, PORT="0", DATABASE_URL=empty_database)
    yield process
    process.kill()
    process.communicate()


def read_introduction(process: subprocess.Popen[str]) -> list[str]:
    """What it prints until it is ready."""
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if "limit=5" in line:
            return lines
    raise AssertionError(f"it ended early: {lines} {process.communicate()}")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_prints_lines_that_work_and_leaves_nothing_behind(dev: subprocess.Popen[str], stop: signal.Signals) -> None:
    lines = read_introduction(dev)
    url = next(re.search(r"http://localhost:\d+", line) for line in lines if "Ratchet" in line)
    assert url
    curls = [line.strip() for line in lines if line.startswith("  curl")]
    assert len(curls) == 4
    started = subprocess.run(curls[0] + " -s", shell=True, capture_output=True, text=True, check=True)
    assert '"pending"' in started.stdout
    for curl in curls[1:]:
        done = subprocess.run(curl + " -s --fail --max-time 20", shell=True, capture_output=True, text=True, check=True)
        assert done.stdout
    children = list_children(dev.pid)
    assert children
    dev.send_signal(stop)
    dev.communicate(timeout=20)
    assert dev.returncode == 0
    assert not [child for child in children if is_alive(child)]


def test_functions_die_with_a_killed_platform(dev: subprocess.Popen[str]) -> None:
    read_introduction(dev)
    watchers = [os.pidfd_open(child) for child in list_children(dev.pid)]
    assert watchers
    dev.kill()
    import select

    for watcher in watchers:
        assert select.select([watcher], [], [], 10)[0]
        os.close(watcher)


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"PORT": "many"}, "PORT=many is not a port: it takes a number up to 65535.\n"),
        (
            {"DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/x"},
            r"The database that DATABASE_URL names cannot be used: .*refused.*\n",
        ),
        (
            {"DATABASE_URL": "postgresql//me:secret@127.0.0.1/x"},
            "DATABASE_URL is not a connection string: .*percent-encoded.\n",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(root: Path, env: Mapping[str, str], sentence: str) -> None:
    process = command("lib.dev", root, **env)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert re.fullmatch(sentence, said)
    assert "secret" not in said


def test_a_port_in_use_is_one_sentence(root: Path, empty_database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = command("lib.dev", root, PORT=str(port), DATABASE_URL=empty_database)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said == f"Port {port} is in use: choose another, for example PORT={port + 1}.\n"


def test_the_demo_completes_every_example(root: Path, empty_database: str) -> None:
    process = command("lib.dev.demo", root, DATABASE_URL=empty_database)
    told, said = process.communicate(timeout=90)
    assert (process.returncode, said) == (0, "")
    assert re.search(r"^canary completed\n.*verdict +promoted$", told, re.MULTILINE | re.DOTALL)
    assert re.search(r"^  attempts +3$", told, re.MULTILINE)
    assert re.search(r"^    Longyearbyen +24 .*█+$", told, re.MULTILINE)
    assert "3 runs completed in" in told
    assert "\x1b[" not in told


def test_the_demo_fails_with_the_reason(root: Path) -> None:
    process = command("lib.dev.demo", root, DATABASE_URL="postgresql://127.0.0.1:1/x")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.startswith("The demo failed: The database that DATABASE_URL names cannot be used: ")


def list_children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
