"""`run: script` and `run: shell`: what a process is given, what comes back, and that nothing of it stays behind."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib import calls
from lib.calls import group, processes
from lib.config import settings
from lib.dsl import Fault
from tests.calls.conftest import CONTEXT

pytestmark = pytest.mark.anyio
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="not run: node is not on PATH")

type Run = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Scripts are allowed; their temporary folders are made here."""
    monkeypatch.setenv("RATCHET_ALLOW_SCRIPTS", "on")
    monkeypatch.delenv("VERCEL", raising=False)
    settings.cache_clear()
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def shell(command: Any, *, result: str = "stdout", wait: bool = True, about: Any = None, **given: Any) -> Any:
    arguments = {"command": command, "return": result, "await": wait, **given}
    return await calls.run("shell", arguments, replace(CONTEXT, **(about or {})))


async def python(code: str, *, language: Any = "python", result: str = "stdout", **given: Any) -> Any:
    arguments = {"language": language, "code": code, "return": result, "await": True, **given}
    return await calls.run("script", arguments, CONTEXT)


async def js(code: str, **given: Any) -> Any:
    return await python(code, language="js", **given)


async def refused(made: Coroutine[Any, Any, Any]) -> tuple[str, int, str]:
    """The name, status and sentence of the fault that it raises."""
    with pytest.raises(Fault) as caught:
        await made
    return caught.value.type.rpartition("/")[2], caught.value.status, caught.value.detail or ""


def lives(pid: int) -> bool:
    """Whether a process is there and not just waiting to be forgotten."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> None:
    async with asyncio.timeout(5):
        while lives(pid):
            await asyncio.sleep(0.01)


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


async def appears(path: Path) -> str:
    async with asyncio.timeout(5):
        while not text(path).endswith("\n"):
            await asyncio.sleep(0.01)
    return text(path).strip()


@pytest.mark.parametrize("env", [{}, {"RATCHET_ALLOW_SCRIPTS": "off"}, {"VERCEL": "1", "RATCHET_ALLOW_SCRIPTS": "on"}])
async def test_refuses_where_scripts_are_not_allowed_whenever_they_were_published(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.delenv("RATCHET_ALLOW_SCRIPTS")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    fault = ("authorization", 403)
    assert (await refused(shell(f"touch {tmp_path}/ran")))[:2] == fault
    assert (await refused(python(f"open('{tmp_path}/ran', 'w')")))[:2] == fault
    assert "RATCHET_ALLOW_SCRIPTS" in (await refused(shell("true")))[2]
    assert not (tmp_path / "ran").exists()


async def test_a_command_is_given_its_input_and_its_words():
    command = 'input=$(cat)\necho "STDIN was: $input"\necho "ARGS are $1 $2"\n'
    found = await shell(command, stdin="Hello World", arguments=["Foo", "B a $(r)"])
    assert found == "STDIN was: Hello World\nARGS are Foo B a $(r)"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (5, "5"), (True, "true"), ({"a": ["ö"]}, '{"a": ["ö"]}'), ("ö", "ö")]
)
async def test_what_is_no_text_is_given_as_json(value: Any, text: str):
    command = 'printf "%s|%s|%s" "$(cat)" "$1" "$VALUE"'
    found = await shell(command, stdin=value, arguments=[value], environment={"VALUE": value})
    assert found == "|".join([text] * 3)


async def test_a_map_of_arguments_follows_the_command_and_never_becomes_code():
    given = {"--user": "john", "--password": "$(id) ; `id`", "flag": None, "n": 1}
    assert await shell("echo\n", arguments=given) == "--user=john --password=$(id) ; `id` flag n=1"


async def test_the_environment_is_what_the_document_names_and_path(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    found = await python("import os; print(sorted(os.environ))", environment={"foo": "bar", "none": None})
    assert set(eval(found)) - {"LC_CTYPE"} == {"PATH", "foo"}  # Python itself sets LC_CTYPE where there is no locale
    printed = await shell("env", environment={"PATH": os.environ["PATH"], "A": "a b"})
    assert "A=a b" in printed.splitlines()
    assert "DATABASE_URL" not in printed


async def test_python_has_its_arguments_in_argv_or_as_variables():
    assert await python("import sys; print(sys.argv[1:], sys.stdin.read())", arguments=["a", 1], stdin="in") == (
        "['a', '1'] in"
    )
    code = "from __future__ import annotations\nprint(__name__, name, n + 1, nested['a'])"
    given = {"name": 'it\'s "x" \\n', "n": 1, "nested": {"a": None}}
    assert await python(code, arguments=given) == '__main__ it\'s "x" \\n 2 None'


@needs_node
async def test_javascript_is_a_module_with_its_arguments_in_argv_or_as_variables():
    code = """
        import { readFileSync } from 'node:fs';
        const stdin = readFileSync(process.stdin.fd, 'utf8');
        const [_, __, arg] = process.argv;
        console.log(stdin, arg, process.env.foo, typeof require('node:path').join);
    """
    assert await js(code, stdin="Hello", arguments=["hello"], environment={"foo": "bar"}) == "Hello hello bar function"
    given = {"greetings": "Hi\u2028", "n": 1, "crypto": "c"}
    assert await js("console.log(greetings, n + 1, crypto)", arguments=given) == "Hi\u2028 2 c"
    assert await python("console.log(1)", language="javascript") == "1"


async def test_a_language_that_nothing_here_runs_is_a_configuration_fault(monkeypatch: pytest.MonkeyPatch, tmp_path):
    assert (await refused(python("1", language="ruby")))[:2] == ("configuration", 400)
    monkeypatch.setenv("PATH", str(tmp_path))
    name, status, sentence = await refused(js("1"))
    assert (name, status) == ("configuration", 400)
    assert sentence == "Scripts in js need `node`, which is not on this machine's PATH."


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ("stdout", "out "),
        ("stderr", "err\n"),
        ("code", 0),
        ("all", {"code": 0, "stdout": "out ", "stderr": "err\n"}),
        ("none", None),
    ],
)
async def test_the_output_is_what_return_asks_for_without_its_last_line_break(result: str, output: Any):
    assert await shell("printf 'out \\n'; printf 'err\\n\\n' >&2", result=result) == output


@pytest.mark.parametrize(
    ("result", "output"), [("stderr", "no"), ("code", 3), ("all", {"code": 3, "stdout": "a", "stderr": "no"})]
)
async def test_who_asks_for_the_code_or_the_errors_is_told_of_a_failure(result: str, output: Any):
    assert await shell("echo a; echo no >&2; exit 3", result=result) == output


@pytest.mark.parametrize("result", ["stdout", "none"])
async def test_any_other_failure_is_a_fault_that_repeats_no_secret(result: str):
    found = await refused(shell("echo no s3cret-word >&2; exit 3", result=result, about={"secrets": ("s3cret-word",)}))
    assert found[:2] == ("runtime", 500)
    assert found[2].startswith("The process ended with exit code 3: no ")
    assert "s3cret-word" not in found[2]


async def test_a_signal_is_told_as_shells_do():
    assert await shell("kill -TERM $$", result="code") == 143


async def test_what_is_no_utf8_is_replaced():
    assert await shell("printf 'a\\377b'") == "a\ufffdb"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_too_much_output_ends_the_process(stream: str, scratch: Path):
    redirect = ">&2" if stream == "stderr" else ""
    found = await refused(shell(f"yes {redirect}", result="code"))
    assert found == ("runtime", 500, f"The process wrote more than {group.LIMIT_BYTES} bytes to its {stream}.")
    assert is_empty(scratch)


async def test_as_much_as_is_allowed_is_kept():
    assert len(await shell(f"head -c {group.LIMIT_BYTES} /dev/zero | tr '\\0' x")) == group.LIMIT_BYTES


async def test_the_timeout_kills_the_process_and_all_it_has_started(tmp_path: Path, scratch: Path):
    file = tmp_path / "pids"
    command = f"sleep 60 & echo $$ $! > {file}; wait"
    found = await refused(shell(command, about={"timeout_seconds": 0.5}))
    assert found == ("timeout", 408, "The process took longer than 0.5 s.")
    for pid in map(int, text(file).split()):
        await gone(pid)
    assert is_empty(scratch)


async def cancel_two(file: Path) -> list[int]:
    """Start a process that starts another and cancel their effect; who they were, as they wrote into this file."""
    task = asyncio.create_task(shell(f"sleep 60 & echo $$ $! > {file}; wait"))
    pids = [int(pid) for pid in (await appears(file)).split()]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return pids


async def test_cancelling_the_effect_does_so_too(tmp_path: Path, scratch: Path):
    for pid in await cancel_two(tmp_path / "pids"):
        await gone(pid)
    assert is_empty(scratch)


async def test_cancelling_it_while_the_process_is_being_started_does_so_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    loop, go_on = asyncio.get_running_loop(), asyncio.Event()
    subprocess_exec = loop.subprocess_exec

    async def start_slowly(*arguments: Any, **options: Any) -> Any:
        made = await subprocess_exec(*arguments, **options)
        await go_on.wait()
        return made

    monkeypatch.setattr(loop, "subprocess_exec", start_slowly)
    pids = await cancel_two(tmp_path / "pids")
    go_on.set()
    for pid in pids:
        await gone(pid)


async def test_an_effect_that_is_cancelled_twice_leaves_nothing_either(tmp_path: Path, scratch: Path):
    file = tmp_path / "pid"
    task = asyncio.create_task(shell(f"echo $$ > {file}; sleep 60"))
    pid = int(await appears(file))
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(pid)
    async with asyncio.timeout(5):
        while not is_empty(scratch):
            await asyncio.sleep(0.01)


async def test_what_a_process_leaves_behind_ends_with_it():
    pid = int(await shell("sleep 60 & echo $!"))
    await gone(pid)


async def test_a_descendant_that_has_left_the_group_delays_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(group, "_LAST_WORDS_SECONDS", 0.1)
    code = "import subprocess; print(subprocess.Popen(['sleep', '30'], start_new_session=True).pid)"
    async with asyncio.timeout(5):
        pid = int(await python(code))
    assert lives(pid)
    os.kill(pid, 9)


async def test_it_works_in_an_empty_folder_that_is_removed(scratch: Path):
    folder = Path(await shell("pwd; ls -A; mkdir -p a/b; touch a/b/c; chmod 0 a/b"))
    assert folder.is_relative_to(scratch)
    assert is_empty(scratch)


@pytest.mark.parametrize(
    "given",
    [
        {"command": 5},
        {"command": "true", "arguments": "a"},
        {"command": "true", "environment": ["a"]},
        {"command": "true", "arguments": ["a\0b"]},
        {"command": "true", "arguments": ["a" * 3_000_000]},
        {"command": "true", "environment": {"a=b": "c"}},
    ],
)
async def test_what_no_process_can_be_given_is_a_validation_fault(given: dict[str, Any], scratch: Path):
    assert (await refused(shell(**given)))[:2] == ("validation", 400)
    assert is_empty(scratch)


async def test_what_nobody_waits_for_goes_on_and_is_cleaned_up(tmp_path: Path, scratch: Path):
    file, gate = tmp_path / "done", tmp_path / "gate"
    os.mkfifo(gate)
    assert await shell(f"read -r word < {gate}; echo $word > {file}; exit 4", wait=False) is None
    await asyncio.to_thread(gate.write_text, "went\n")
    assert await appears(file) == "went"
    async with asyncio.timeout(5):
        while not is_empty(scratch):
            await asyncio.sleep(0.01)
    assert not processes._detached


async def test_what_nobody_waits_for_ends_with_its_timeout_or_with_this_process(tmp_path: Path, scratch: Path):
    late, closed = tmp_path / "late", tmp_path / "closed"
    await shell(f"echo $$ > {late}; sleep 60", wait=False, about={"timeout_seconds": 0.3})
    await shell(f"echo $$ > {closed}; sleep 60", wait=False)
    await gone(int(await appears(late)))
    pid = int(await appears(closed))
    assert lives(pid)
    await calls.close()
    await gone(pid)
    assert is_empty(scratch)
