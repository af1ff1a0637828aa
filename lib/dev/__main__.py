"""`python -m lib.dev`, which is `make dev`: everything on one port of this machine, until Ctrl-C."""

import asyncio
import json
import os
import signal
import sys
import time

from lib.dev.errors import DevError
from lib.dev.project import Project, ask, open_database, open_project
from lib.dev.server import PROJECT
from lib.dev.service import PORT as SERVICE_PORT
from lib.dev.terminal import Terminal

PORT = 3000
CRON_SECONDS = 60.0
DATA = PROJECT / ".ratchet" / "postgres"
QUERY = {"sql": "select name, places from countries_by_places order by places desc limit 5"}


def main() -> None:
    """Serve until Ctrl-C or SIGTERM; a reason not to is one sentence and a non-zero exit."""
    began = time.monotonic()
    terminal = Terminal()
    try:
        port = read_port("PORT", PORT)
        with open_database(DATA, durable=True) as database_url:
            asyncio.run(serve(database_url, port, terminal, began))
    except DevError as error:
        sys.exit(str(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        terminal.say("\nStopped.")


async def serve(database_url: str, port: int, terminal: Terminal, began: float) -> None:
    """Open the project, say what can be done with it, and wait to be stopped."""
    stop_on_sigterm()
    async with open_project(
        database_url, port=port, service_port=SERVICE_PORT, cron_seconds=CRON_SECONDS, log=terminal.log
    ) as project:
        run_id = await _find_first_run(project)
        _introduce(project, run_id, terminal, time.monotonic() - began)
        await asyncio.Event().wait()


def stop_on_sigterm() -> None:
    """Let SIGTERM end the current task as Ctrl-C does, through every block that has to be left."""
    task = asyncio.current_task()
    assert task  # noqa: S101  # called from a coroutine that asyncio.run runs
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def read_port(name: str, default: int) -> int:
    """The port that a variable of the environment names."""
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) > 65535:
        raise DevError(f"{name}={text} is not a port: it takes a number up to 65535.")
    return int(text)


def input_for(project: Project) -> dict[str, str]:
    """The input that examples need: none, unless their service had to move to another port."""
    return {} if project.service.port == SERVICE_PORT else {"service": project.service.url}


async def _find_first_run(project: Project) -> str:
    """A run to look at: the newest, or on the first start one that is started now."""
    runs = (await ask(project.client, "GET", "/runs?limit=1"))["runs"]
    if not runs:
        body = {"input": input_for(project)}
        runs = [await ask(project.client, "POST", "/workflows/daylight/runs", json=body)]
    return str(runs[0]["id"])


def _introduce(project: Project, run_id: str, terminal: Terminal, seconds: float) -> None:
    url = f"localhost:{project.platform.port}"
    key = ' -H "Authorization: Bearer <your key>"' if "authorization" in project.client.headers else ""
    body = json.dumps({"input": input_for(project), "mode": "auto"})
    start = f"-H 'Content-Type: application/json' -d '{body}'"
    database = "your DATABASE_URL" if os.environ.get("DATABASE_URL") else f"{DATA.relative_to(PROJECT)}, kept"
    sample = "countries, places and visits in the schema atlas, for the database tool"
    query = f"curl{key} {url}/db/query -H 'Content-Type: application/json' -d '{json.dumps(QUERY)}'"
    for line in (
        "",
        f"{terminal.paint('Ratchet', 'bold')} is at http://{url} after {seconds:.1f} s; Ctrl-C stops it.",
        "",
        f"  database  {database}",
        f"  examples  {', '.join(project.workflows)}; {project.service.url} answers what they call",
        "  sweep     every minute, as the platform's cron calls it",
        *([f"  sample    {sample}"] if project.has_sample else []),
        "",
        "Try in another terminal:",
        "",
        f"  curl -X POST{key} {url}/workflows/daylight/runs {start}",
        f"  curl{key} {url}/runs/{run_id}",
        f"  curl -N{key} {url}/runs/{run_id}/stream",
        f"  curl{key} '{url}/runs?limit=5'",
        *([f"  {query}"] if project.has_sample else []),
        "",
    ):
        terminal.say(line)


if __name__ == "__main__":
    main()
