"""`make demo`: three workflows from POST to completed, watched through their streams, in one command."""

import asyncio
import io
import json
import sys
import time
from collections import deque
from collections.abc import Sequence

from lib.dev.__main__ import stop_on_sigterm
from lib.dev.board import describe_result, describe_task, draw_runs
from lib.dev.errors import DevError
from lib.dev.progress import RunProgress, follow
from lib.dev.project import Project, ask, open_database, open_project
from lib.dev.server import PROJECT
from lib.dev.terminal import Terminal

DATA = PROJECT / ".ratchet" / "demo"
LIMIT_SECONDS = 60.0
CRON_SECONDS = 5.0  # a minute is long for a spectator, should a function die
REDRAW_SECONDS = 0.1
LOG_LINES = 30
INTERRUPTED = 130


def main() -> None:
    """Run the demo; exits 0 when every run completed, else non-zero with the reason."""
    terminal = Terminal()
    log: deque[str] = deque(maxlen=LOG_LINES)
    try:
        with open_database(DATA, durable=False) as database_url:
            asyncio.run(demonstrate(database_url, terminal, log))
    except DevError as error:
        for line in log:
            print(line, file=sys.stderr)
        sys.exit(f"The demo failed: {error}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(INTERRUPTED)


async def demonstrate(database_url: str, terminal: Terminal, log: deque[str]) -> None:
    """Start one run of every example, watch them together, print what they came to."""
    stop_on_sigterm()
    began = time.monotonic()
    plain = Terminal(io.StringIO())

    def keep(source: str, line: str) -> None:
        log.append(plain.describe_log(source, line))

    try:
        async with (
            asyncio.timeout(LIMIT_SECONDS),
            open_project(database_url, port=0, service_port=0, cron_seconds=CRON_SECONDS, log=keep) as project,
        ):
            terminal.say(f"Ratchet is at {project.platform.url} after {time.monotonic() - began:.1f} s.\n")
            runs = [await _start(project, name, terminal) for name in project.workflows]
            await _watch(project, runs, terminal)
    except TimeoutError:
        raise DevError(f"it was not done after {LIMIT_SECONDS:.0f} s.") from None
    _conclude(runs, terminal, time.monotonic() - began)


async def _start(project: Project, name: str, terminal: Terminal) -> RunProgress:
    path = f"/workflows/{name}/runs"
    body = {"input": {"service": project.service.url}, "mode": "auto"}
    curl = f"curl -X POST {project.platform.url}{path} -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
    terminal.say(terminal.paint(curl, "dim"))
    return RunProgress(name, await ask(project.client, "POST", path, json=body))


async def _watch(project: Project, runs: Sequence[RunProgress], terminal: Terminal) -> None:
    """Follow all streams at once: a live terminal is redrawn, anything else gets a line per change."""
    followers = [asyncio.create_task(_follow(project, run, terminal)) for run in runs]
    try:
        while True:
            _, pending = await asyncio.wait(followers, timeout=REDRAW_SECONDS)
            if terminal.live:
                terminal.draw(draw_runs(runs, terminal))
            if not pending:
                break
        await asyncio.gather(*followers)
    finally:
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)


async def _follow(project: Project, run: RunProgress, terminal: Terminal) -> None:
    began = time.monotonic()
    async for frame in follow(project.client, run.run["id"]):
        changed = run.take(frame)
        leaves = run.leaves
        for task in changed:
            if not terminal.live and task.status != "started" and any(task is leaf for leaf in leaves):
                seconds = time.monotonic() - began
                terminal.say(f"{seconds:6.2f} s  {run.workflow:10} {describe_task(task, terminal)}")


def _conclude(runs: Sequence[RunProgress], terminal: Terminal, seconds: float) -> None:
    for run in runs:
        terminal.say(f"\n{terminal.paint(run.workflow, 'bold')} {run.run['status']}")
        for line in describe_result(run.run["result"] or {}, terminal):
            terminal.say(line)
    unfinished = [run for run in runs if run.run["status"] != "completed"]
    if unfinished:
        raise DevError("; ".join(f"{run.workflow} {run.run['status']}: {run.run['error']}" for run in unfinished))
    terminal.say(f"\n{len(runs)} runs completed in {seconds:.1f} s.")


if __name__ == "__main__":
    main()
