"""Scripts and shell commands as tasks: published where they are allowed, run as effects, refused everywhere else."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from lib import dsl, store
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.api.client import Client
from tests.conftest import Configure
from tests.documents import document

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[3] / "shared" / "serverless-workflow" / "examples"
SHELL = {"shell": {"command": 'echo "Hello, $1: $(cat)"', "arguments": ["${ .name }"], "stdin": "${ . }"}}


def run(process: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A task that runs a process; `result` is its `return`, `wait` its `await`."""
    names = {"result": "return", "wait": "await"}
    about = {name: more.pop(key) for key, name in names.items() if key in more}
    return {"run": {**process, **about}, **more}


def python(code: str, **given: Any) -> dict[str, Any]:
    return {"script": {"language": "python", "code": code, **given}}


@pytest.fixture
def allow(configure: Configure) -> Configure:
    """Scripts are allowed until the test sets something else."""
    configure(RATCHET_ALLOW_SCRIPTS="on", RATCHET_AFTER_RESPONSE="off")
    return configure


async def outcome(reactor: Reactor, tasks: list[dict[str, Any]], given: Any = None, **more: Any) -> store.Run:
    """Published, started and swept: the run as it is then."""
    published = await Client()("POST", "/workflows", json=document(tasks, **more))
    assert published.status == 201, published.json()
    started = await Client()("POST", f"/workflows/{published.json()['id']}/runs", json={"input": given or {}})
    assert started.status == 202
    await sweep_all(reactor, None)
    [one] = await store.list_runs(limit=2)
    return one


@pytest.mark.parametrize("env", [{}, {"RATCHET_ALLOW_SCRIPTS": "off"}, {"RATCHET_ALLOW_SCRIPTS": "on", "VERCEL": "1"}])
@pytest.mark.parametrize("process", [SHELL, python("print(1)")])
async def test_publishing_is_refused_with_a_sentence_that_names_the_setting(
    configure: Configure, env: dict[str, str], process: dict[str, Any]
):
    configure(RATCHET_API_KEYS="key", **env)
    found = await Client()(
        "POST", "/workflows", json=document([{"r": run(process)}]), headers={"authorization": "Bearer key"}
    )
    assert found.status == 422
    [error] = found.json()["errors"]
    assert error["pointer"] == f"/do/0/r/run/{next(iter(process))}"
    assert "RATCHET_ALLOW_SCRIPTS=on" in error["detail"]


async def test_commands_and_scripts_pass_their_output_on(allow: Configure, reactor: Reactor):
    count = python("import sys; print(len(sys.stdin.read()) + extra)", stdin="${ . }", arguments={"extra": "${ 1 }"})
    tasks = [{"greet": run(SHELL)}, {"count": run(count, result="all")}]
    found = await outcome(reactor, tasks, {"name": "Ann"})
    greeting = 'Hello, Ann: {"name": "Ann"}'
    assert (found.status, found.result) == ("completed", {"code": 0, "stdout": str(len(greeting) + 1), "stderr": ""})
    steps = await store.list_steps(found.id, after=None, limit=9)
    assert {(step.function, step.reference) for step in steps} == {("shell", "/do/0/greet"), ("script", "/do/1/count")}


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="not run: the specification's examples are not here")
@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("run-shell-stdin-and-arguments", "STDIN was: Hello World\nARGS are Foo Bar"),
        ("run-script-with-stdin-and-arguments", "stdin >  Hello Workflow\narg >  hello\nenv >  bar"),
    ],
)
async def test_the_examples_of_the_specification_run(allow: Configure, reactor: Reactor, name: str, output: str):
    if "script" in name and shutil.which("node") is None:
        pytest.skip("not run: node is not on PATH")
    example = dsl.read((EXAMPLES / f"{name}.yaml").read_bytes(), "application/yaml")
    found = await outcome(reactor, example["do"])
    assert (found.status, found.result) == ("completed", output)


async def test_a_run_that_was_published_while_scripts_were_allowed_fails_where_they_are_not(
    allow: Configure, reactor: Reactor
):
    published = await Client()("POST", "/workflows", json=document([{"r": run(SHELL)}]))
    await Client()("POST", f"/workflows/{published.json()['id']}/runs", json={"input": {}})
    allow(RATCHET_ALLOW_SCRIPTS="off")
    await sweep_all(reactor, None)
    [found] = await store.list_runs(limit=2)
    assert (found.status, found.error["status"], found.error["instance"]) == ("failed", 403, "/do/0/r")
    assert found.error["type"].endswith("/authorization")


async def test_a_failure_and_a_timeout_can_be_caught(allow: Configure, reactor: Reactor):
    processes = {
        "fails": run({"shell": {"command": "exit 7"}}),
        "late": run({"shell": {"command": "sleep 60"}}, timeout={"after": {"milliseconds": 300}}),
    }
    caught = {"do": [{"tell": {"set": "${ $error.status }"}}]}
    branches = [{name: {"try": [{"r": task}], "catch": caught}} for name, task in processes.items()]
    found = await outcome(reactor, [{"both": {"fork": {"branches": branches}}}])
    assert (found.status, found.result) == ("completed", [500, 408])


async def test_what_is_not_awaited_gives_the_input(allow: Configure, reactor: Reactor):
    task = run({"shell": {"command": "exit 3"}}, wait=False)
    found = await outcome(reactor, [{"r": task}], {"x": 1})
    assert (found.status, found.result) == ("completed", {"x": 1})


async def test_a_script_may_have_a_secret_that_its_failure_does_not_tell(allow: Configure, reactor: Reactor):
    allow(WORKFLOW_SECRET_token="hush-hush-1")
    shell = {"command": 'echo "$TOKEN" >&2; exit 1', "environment": {"TOKEN": "${ $secrets.token }"}}
    found = await outcome(reactor, [{"r": run({"shell": shell})}], use={"secrets": ["token"]})
    assert found.status == "failed"
    assert found.error["detail"].startswith("The process ended with exit code 1: ")
    assert "hush-hush-1" not in str(found.error)


async def test_whatever_a_process_prints_can_be_kept(allow: Configure, reactor: Reactor):
    found = await outcome(reactor, [{"r": run({"shell": {"command": "printf 'a\\000\\377b'"}})}])
    assert (found.status, found.result) == ("completed", "a\0\ufffdb")
