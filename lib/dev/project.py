"""The whole project on this machine: a migrated database, the platform, the examples and what they call."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from lib.config import check_connection, read_settings
from lib.dev.errors import DevError
from lib.dev.functions import Log
from lib.dev.postgres import Server
from lib.dev.sample import open_sample
from lib.dev.server import PROJECT, LocalPlatform
from lib.dev.service import Service
from lib.errors import NotConfigured
from lib.migrate import migrate

EXAMPLES = PROJECT / "lib" / "examples"
DATABASE = "ratchet"
# Where one of these is set, the database tool is for that database; a sample is made only in our own.
OWN_DATABASE = ("DATABASE_URL", "DB_TOOL_READ_URL", "DB_TOOL_WRITE_URL")
REQUEST_SECONDS = 30.0


@dataclass(frozen=True)
class Project:
    """What runs, the names of the published examples, and whether the database tool has its sample."""

    platform: LocalPlatform
    service: Service
    client: httpx.AsyncClient
    workflows: Sequence[str]
    has_sample: bool


@contextmanager
def open_database(data: Path, *, durable: bool) -> Iterator[str]:
    """The URL of a database: DATABASE_URL if it is set, else an embedded server while the block lasts."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with Server(data, durable=durable) as server:
        yield server.ensure_database(DATABASE)


@asynccontextmanager
async def open_project(
    database_url: str, *, port: int, service_port: int, cron_seconds: float, log: Log
) -> AsyncIterator[Project]:
    """Migrate, serve and publish the examples; everything stops when the block ends."""
    sample = {} if any(os.environ.get(name) for name in OWN_DATABASE) else await open_sample(database_url)
    await _migrate(database_url, (os.environ | sample).get("DB_TOOL_WRITE_URL", ""))
    env = {
        "DATABASE_URL": database_url,
        "RATCHET_ALLOW_ADDRESSES": os.environ.get("RATCHET_ALLOW_ADDRESSES", "loopback"),
        **sample,
    }
    async with (
        Service(service_port) as service,
        LocalPlatform(env=env, port=port, cron_seconds=cron_seconds, log=log) as platform,
        httpx.AsyncClient(base_url=platform.url, headers=_authorization(), timeout=REQUEST_SECONDS) as client,
    ):
        yield Project(platform, service, client, await _publish_examples(client), bool(sample))


async def ask(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> Any:
    """The JSON that an endpoint answers; raises DevError with the problem's own words."""
    response = await client.request(method, path, **options)
    if response.is_success:
        return response.json()
    try:
        said = response.json()
        reason = "; ".join([said["detail"], *(f"{e['pointer']}: {e['detail']}" for e in said.get("errors", []))])
    except (ValueError, KeyError, TypeError):
        reason = " ".join(response.text.split())
    raise DevError(f"{method} {path} answered {response.status_code}: {reason}")


async def _migrate(url: str, write_url: str) -> None:
    try:
        for name, value in {"DATABASE_URL": url, "DB_TOOL_WRITE_URL": write_url}.items():
            check_connection(name, value)
        await migrate(url, write_url)
    except NotConfigured as error:
        raise DevError(f"{error}.") from error
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise DevError(f"The database that DATABASE_URL names cannot be used: {reason}.") from error


async def _publish_examples(client: httpx.AsyncClient) -> list[str]:
    headers = {"content-type": "application/yaml"}
    files = [file.read_bytes() for file in sorted(EXAMPLES.glob("*.yaml"))]
    published = [await ask(client, "POST", "/workflows", content=file, headers=headers) for file in files]
    return [workflow["name"] for workflow in published]


def _authorization() -> dict[str, str]:
    """Our own requests carry a key that may do everything, if keys are set up at all."""
    try:
        keys = read_settings(os.environ).api_keys
    except NotConfigured as error:
        raise DevError(str(error)) from error
    best = max(keys, key=lambda key: len(keys[key]), default=None)
    return {"authorization": f"Bearer {best}"} if best else {}
