"""An embedded Postgres that lives exactly as long as the process that started it."""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from lib.dev import postgres_home as home
from lib.dev.errors import DevError

START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.005

# Runs the server beside a reader of our pipe. "stop" asks for a stop; the pipe's end says that our process
# is gone, however it died, and then nobody is left who could remove a throwaway folder.
GUARD = """
exec 3<&0
throwaway=$1; shift
"$@" </dev/null 3<&- & server=$!
{ read -r word <&3; kill -INT $server
  if [ "$word" != stop ] && [ -n "$throwaway" ]; then
    while kill -0 $server 2>/dev/null; do sleep 0.1; done; rm -rf "$throwaway"
  fi; } 2>/dev/null & reader=$!
trap 'kill -INT $server' INT TERM HUP
while kill -0 $server 2>/dev/null; do wait $server; code=$?; done
[ -n "$throwaway" ] || kill $reader 2>/dev/null
exit $code
"""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "jit": "off",
}
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Server:
    """A Postgres of its own on a free port of 127.0.0.1, with its data in `data_dir`.

    `durable=False` is for tests: no fsync. Leaving the `with` block removes the data, unless it is `kept`: by default
    what is durable is. `settings` are Postgres's own, and win.
    """

    def __init__(
        self,
        data_dir: Path | str,
        *,
        durable: bool,
        kept: bool | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = Path(data_dir)
        self.kept = durable if kept is None else kept
        self.port = 0
        self._settings = SETTINGS | ({} if durable else CARELESS) | dict(settings or {})
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if not self.kept:
            shutil.rmtree(self._data, ignore_errors=True)
            if self.data_dir.is_symlink():
                self.data_dir.unlink()

    def start(self) -> None:
        """Start the server and return when it takes connections; raises DevError with the reason if not."""
        try:
            self._prepare()
        except OSError as error:
            raise DevError(f"The embedded Postgres cannot use {self.data_dir}: {error}.") from error
        _free_data(self._data)
        self.port = _free_port()
        self._guard = self._launch()
        self._wait_until_ready(self._guard)

    def stop(self) -> None:
        """Stop the server and return when it is gone; harmless when it does not run."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        try:
            guard.communicate(b"stop\n", timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(guard.pid, signal.SIGKILL)
            guard.wait()

    @property
    def pid(self) -> int:
        """The process id of the server itself (the postmaster)."""
        return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])

    def url(self, database: str) -> str:
        """The connection URL of one database of this server."""
        return f"postgresql://{home.SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of `template` if one is named, and return its URL."""
        self._run("createdb", *(["--template", template] if template else []), name)
        return self.url(name)

    def ensure_database(self, name: str) -> str:
        """Create a database unless it exists, and return its URL."""
        try:
            return self.create_database(name)
        except DevError as error:
            if "already exists" not in str(error):
                raise
            return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, throwing out whoever is still connected."""
        self._run("dropdb", "--force", "--if-exists", name)

    def _prepare(self) -> None:
        self._account = home.choose_account()
        shelter = home.find_shelter(self._account)
        self._binaries = home.find_binaries(self._account, shelter)
        self._data = home.place_data(self.data_dir, self._account, shelter)
        home.fill_data(self._data, self._binaries, self._account, shelter)
        self._password = (self._data / home.PASSWORD_FILE).read_text()

    def _run(self, program: str, *arguments: str) -> None:
        env = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": home.SUPERUSER,
            "PGPASSWORD": self._password,
        }
        done = self._account.run([self._binaries / program, *arguments], env)
        if done.returncode != 0:
            raise DevError(done.stderr.strip().replace("\n", " "))

    def _launch(self) -> subprocess.Popen[bytes]:
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self._data / "server.log").open("wb") as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", GUARD, "sh", "" if self.kept else self._data,
                 self._binaries / "postgres", "-D", self._data, "-p", str(self.port), *options],
                stdin=subprocess.PIPE, stdout=log, stderr=log,
                cwd="/", env={"LC_ALL": "C", "PATH": os.defpath},
                start_new_session=True,  # Ctrl-C is for us: we stop the server when nobody needs it any more
                user=self._account.uid, group=self._account.gid, extra_groups=self._account.groups,
            )  # fmt: skip

    def _wait_until_ready(self, guard: subprocess.Popen[bytes]) -> None:
        status = self._data / "postmaster.pid"
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if guard.poll() is not None:
                raise DevError(f"Postgres did not start: {_last_words(self._data / 'server.log')}")
            lines = status.read_text().splitlines() if status.exists() else []
            if len(lines) > 7 and lines[7].strip() == "ready" and lines[3] == str(self.port):
                return
            time.sleep(POLL_SECONDS)
        self.stop()
        raise DevError(f"Postgres was not ready after {START_SECONDS:.0f} s; see {self._data / 'server.log'}.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free_data(data: Path) -> None:
    """Make sure that no server uses `data`: wait for one that is stopping, forget one that is long gone.

    A process id is no proof: after a restart of the machine or container it may belong to anyone.
    """
    lock = data / "postmaster.pid"
    until = time.monotonic() + STOP_SECONDS / 2
    while lock.exists():
        pid = int(lock.read_text().split("\n", 1)[0] or 0)
        if not _is_postgres(pid):
            lock.unlink(missing_ok=True)
        elif time.monotonic() > until:
            raise DevError(f"Another Postgres (process {pid}) already uses {data}: stop it first.")
        else:
            time.sleep(POLL_SECONDS * 10)


def _is_postgres(pid: int) -> bool:
    """Whether a living Postgres has this process id (a zombie's command line is empty)."""
    if not Path("/proc/self").exists():
        found = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, check=False)
        return found.stdout.strip().endswith(b"postgres")
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(b"postgres")
    except OSError:
        return False


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    reason = next((line for line in lines if "FATAL" in line or "could not" in line), f"see {log}.")
    return reason.split("  ", 1)[-1]


def main() -> None:
    """Run one server alone, for looking around with psql, until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m lib.dev.postgres", description=main.__doc__)
    parser.add_argument("--data", default=".ratchet/postgres", help="where its data is (default: %(default)s)")
    try:
        with Server(parser.parse_args().data, durable=True) as server:
            print(server.url("postgres"), flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except DevError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
