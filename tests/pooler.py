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

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lib.dev.postgres import Server
from lib.dev.postgres_home import choose_account, find_shelter

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin:{os.environ.get('PATH', '')}")
PATIENCE_SECONDS = 15.0
USER = "pooled"

CONFIG = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
admin_users = {user}
pool_mode = transaction
default_pool_size = {pool_size}
server_reset_query =
max_client_conn = {max_clients}
"""

# Ends with our end of its stdin, however we ended.
GUARD = '"$0" -q "$1" & pooler=$!; read -r _; kill $pooler; wait $pooler'


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer that runs in front of the embedded Postgres."""

    port: int

    def url(self, direct: str) -> str:
        """The same database, through it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{conninfo_to_dict(direct)['dbname']}"


@contextmanager
def run_pooler(server: Server, *, pool_size: int, max_clients: int = 1000) -> Iterator[Pooler]:
    """A pooler of one's own, with so many connections for each database; like Postgres, it refuses to run as root."""
    account = choose_account()
    with tempfile.TemporaryDirectory(prefix="pooler-", dir=find_shelter(account)) as folder:
        port = _free_port()
        config = Path(folder, "pgbouncer.ini")
        direct = conninfo_to_dict(server.url("postgres"))
        del direct["dbname"]  # every database by its own name
        config.write_text(
            CONFIG.format(
                server=make_conninfo(**direct), port=port, pool_size=pool_size, max_clients=max_clients, user=USER
            )
        )
        account.give(Path(folder))
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, str(PGBOUNCER), config],
                stdin=subprocess.PIPE, stdout=log, stderr=log,
                user=account.uid, group=account.gid, extra_groups=account.groups,
            )  # fmt: skip
        try:
            _wait_for_port(port, Path(folder, "log"))
            yield Pooler(port)
        finally:
            process.communicate(timeout=PATIENCE_SECONDS)


async def forget_sessions(url: str) -> None:
    """From now on every transaction through this URL meets a new session; a direct URL has no pooler to tell."""
    where = conninfo_to_dict(url)
    if where.get("user") == USER:
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
