"""`run: script` and `run: shell`: a process on this very machine, only where RATCHET_ALLOW_SCRIPTS allows it.

It runs as the same user as this process, so the setting trusts every author. It is given the environment that the
document names and PATH, a temporary folder, the task's timeout and a limited output; when it has ended, by itself or
not, its whole process group is killed and the folder removed.

What a document meets as faults:
    authorization 403   scripts are not allowed here
    configuration 400   nothing on this machine runs that language
    validation 400      an argument that no process can be given
    timeout 408         not done within the task's timeout
    runtime 500         an exit code other than 0 that nobody asked for; too much output
"""

import asyncio
import errno
import os
import tempfile
from pathlib import Path
from typing import Any

from lib.calls import programs, redaction
from lib.calls.context import CallContext
from lib.calls.group import Group
from lib.calls.programs import Program
from lib.config import settings
from lib.dsl import faults
from lib.log import log

type Folder = tempfile.TemporaryDirectory[str]

# An event loop itself does not hold on to its tasks.
_detached: set[asyncio.Task[None]] = set()
_ending: set[asyncio.Task[None]] = set()


async def script(arguments: Any, context: CallContext) -> Any:
    """Run a script in the language it names; the output is what `return` asks for. Raises a Fault."""
    _check_allowed("script")
    return await _run(programs.read_script(arguments), context)


async def shell(arguments: Any, context: CallContext) -> Any:
    """Run a command in `sh`; the output is what `return` asks for. Raises a Fault."""
    _check_allowed("shell")
    return await _run(programs.read_shell(arguments), context)


async def close() -> None:
    """End what this event loop has started and nobody waits for."""
    loop = asyncio.get_running_loop()
    tasks = [task for task in _detached if task.get_loop() is loop]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _check_allowed(kind: str) -> None:
    """A document may have been published where, or when, scripts were allowed."""
    if not settings().allow_scripts:
        raise faults.authorization(f"`run: {kind}` is switched off here (RATCHET_ALLOW_SCRIPTS).")


async def _run(program: Program, context: CallContext) -> Any:
    folder = tempfile.TemporaryDirectory(prefix="ratchet-", ignore_cleanup_errors=True)
    try:
        group = await _start(program, Path(folder.name))
    except BaseException:
        folder.cleanup()
        raise
    if program.awaited:
        return await _wait(group, folder, program, context)
    _keep(_detached, asyncio.create_task(_see_off(group, folder, context)))
    await asyncio.sleep(0)  # a task that is cancelled before it began would clean nothing up
    return None


async def _start(program: Program, folder: Path) -> Group:
    """The process, in an empty working folder beside the one that holds its program and its input."""
    command = program.write(folder)
    environment = {"PATH": os.environ.get("PATH", os.defpath), **program.environment}
    try:
        return await Group.start(command, folder=folder, environment=environment, heard=program.awaited)
    except ValueError as exc:
        raise faults.validation(f"No process can be given that: {exc}.") from None
    except OSError as exc:
        fault = faults.validation if exc.errno == errno.E2BIG else faults.runtime
        raise fault(f"The process cannot be started: {exc.strerror}.") from None


async def _wait(group: Group, folder: Folder, program: Program, context: CallContext) -> Any:
    try:
        async with asyncio.timeout(context.timeout_seconds):
            await group.end()
    except TimeoutError:
        raise faults.timeout(f"The process took longer than {context.timeout_seconds:g} s.") from None
    finally:
        await _clean_up(group, folder)
    if group.too_loud:
        raise faults.runtime(f"The process wrote more than {group.limit} bytes to its {group.too_loud}.")
    if group.code and program.result not in ("code", "stderr", "all"):
        said = redaction.excerpt(group.stderr.encode(), set(context.secrets))
        ended = f"The process ended with exit code {group.code}"
        raise faults.runtime(f"{ended}: {said}" if said else f"{ended}.")
    return _output(group, program.result)


def _output(group: Group, result: str) -> Any:
    match result:
        case "none":
            return None
        case "code":
            return group.code
        case "stderr":
            return group.stderr
        case "all":
            return {"code": group.code, "stdout": group.stdout, "stderr": group.stderr}
        case _:
            return group.stdout


async def _see_off(group: Group, folder: Folder, context: CallContext) -> None:
    """What nobody waits for still ends with the task's timeout; only the log hears how."""
    try:
        async with asyncio.timeout(context.timeout_seconds):
            await group.end()
        log("process.ended", run_id=context.run_id, reference=context.reference, code=group.code)
    except TimeoutError:
        log("process.late", run_id=context.run_id, reference=context.reference)
    finally:
        await _clean_up(group, folder)


async def _clean_up(group: Group, folder: Folder) -> None:
    """End the group and remove its folder, also for a task that is cancelled again meanwhile."""

    async def clean_up() -> None:
        await group.stop()
        await asyncio.to_thread(folder.cleanup)

    await asyncio.shield(_keep(_ending, asyncio.create_task(clean_up())))


def _keep(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> asyncio.Task[None]:
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
