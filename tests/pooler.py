"""A real PgBouncer in transaction mode before the embedded Postgres.

Nothing cleans up in it (no reset query): what a session leaves behind meets a stranger, as it would at a provider's.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lib.dev.postgres import Server
from lib.dev.postgres_home import choose_account, find_shelter

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin:{os.environ.get('PATH', '')}")
PATIENCE_SECONDS = 15.0

# Who logs in here logs in there, with the same password.
CONFIG = """
[databases]
* = host=127.0.0.1 port={server_port} auth_user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
admin_users = {user}
pool_mode = transaction
default_pool_size = {pool_size}
server_reset_query =
max_client_conn = {max_clients}
"""

# Ends with our end of its stdin, however we ended.
GUARD = '"$0" -q "$1" & pooler=$!; read -r _; kill $pooler; wait $pooler'

_ports: set[int] = set()


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer that runs in front of the embedded Postgres."""

    port: int

    def url(self, direct: str) -> str:
        """The same database and login, through it."""
        parts = urlsplit(direct)
        return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{self.port}"))


@contextmanager
def run_pooler(server: Server, *, pool_size: int, max_clients: int = 1000) -> Iterator[Pooler]:
    """A pooler of one's own, with so many connections for each login to each database."""
    account = choose_account()  # like Postgres, it refuses to run as root
    with tempfile.TemporaryDirectory(prefix="pooler-", dir=find_shelter(account)) as name:
        folder, port = Path(name), _free_port()
        _configure(folder, server, listen_port=port, pool_size=pool_size, max_clients=max_clients)
        account.give(folder)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, str(PGBOUNCER), folder / "pgbouncer.ini"],
                stdin=subprocess.PIPE, stdout=log, stderr=log,
                user=account.uid, group=account.gid, extra_groups=account.groups,
            )  # fmt: skip
        try:
            _wait_for_port(port, folder / "log")
            _ports.add(port)
            yield Pooler(port)
        finally:
            _ports.discard(port)
            process.communicate(timeout=PATIENCE_SECONDS)


def _configure(folder: Path, server: Server, *, listen_port: int, pool_size: int, max_clients: int) -> None:
    owner = conninfo_to_dict(server.url("postgres"))
    (folder / "users").write_text(f'"{owner["user"]}" "{owner["password"]}"\n')
    (folder / "pgbouncer.ini").write_text(
        CONFIG.format(
            server_port=server.port,
            port=listen_port,
            user=owner["user"],
            users=folder / "users",
            pool_size=pool_size,
            max_clients=max_clients,
        )
    )


async def forget_sessions(url: str) -> None:
    """From now on every transaction through this URL meets a new session; a direct URL has no pooler to tell."""
    where = conninfo_to_dict(url)
    if int(where["port"] or 0) in _ports:
        console = make_conninfo(url, dbname="pgbouncer")
        async with await psycopg.AsyncConnection.connect(console, autocommit=True) as conn:
            await conn.execute(f"RECONNECT {where['dbname']}".encode())
            await conn.execute(f"WAIT_CLOSE {where['dbname']}".encode())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_port(port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    pytest.fail(f"pgbouncer did not start: {log.read_text()}")
