"""What each api file may import, in modules: a cold start is made of them, and milliseconds depend on the machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from lib import store
from tests.api.client import Client
from tests.api.conftest import StartRun

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
FILES = sorted(path.stem for path in (ROOT / "api").glob("*.py"))

# What reads documents, evaluates and calls; all of it together doubles a cold start.
HEAVY = (
    "certifi",
    "h11",
    "httpx",
    "jq",
    "jsonschema_rs",
    "ruamel",
    "sqlglot",
    "lib.calls",
    "lib.dsl",
    "pgparse",
    "lib.engine.reactor",
)

# Modules that are not the standard library's: psycopg is 92 and ours are 26 to 36. A few more of ours fit, one
# more library of any size does not.
BUDGET = 145
BUDGET_WITH_MODELS = 200  # pydantic is 48
HAS_MODELS = {"db_ask", "db_query"}

# Prints what is loaded when the file is imported, and when the first answer's last byte is sent.
PROBE = """
import asyncio, importlib, json, sys

file, method, path, body = sys.argv[1:]
app = importlib.import_module(f"api.{file}").app
found = {"imported": sorted(sys.modules)}

from tests.call import call

async def watched(scope, receive, send):
    async def note(message):
        if message["type"] == "http.response.body" and not message.get("more_body"):
            found["answered"] = sorted(sys.modules)
        await send(message)
    await app(scope, receive, note)

if path:
    parts = {"json": json.loads(body)} if body else {}
    found["status"] = asyncio.run(call(watched, method, path, **parts)).status
    found["ended"] = sorted(sys.modules)
print(json.dumps(found))
"""


def load(file: str, method: str = "", path: str = "", body: str = "", **env: str) -> dict[str, Any]:
    """Import this file in a fresh process, and send it one request if there is a path."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, file, method, path, body],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def heavy(modules: list[str]) -> set[str]:
    return {name for name in HEAVY if name in modules}


@pytest.mark.parametrize("file", FILES)
def test_an_api_file_imports_nothing_heavy_and_keeps_to_its_budget(file: str):
    modules = load(file)["imported"]
    assert heavy(modules) == set()
    outside = [name for name in modules if name.partition(".")[0] not in sys.stdlib_module_names]
    assert len(outside) <= (BUDGET_WITH_MODELS if file in HAS_MODELS else BUDGET), outside


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("db_ask", "/db/documents?collection=notes"),
        ("db_query", "/db/queries"),
        ("health", "/health"),
        ("runs", "/runs"),
        ("run", "/runs/{run}"),
        ("run", "/runs/{run}/diagnosis"),
        ("run_events", "/runs/{run}/events"),
        ("run_events", "/runs/{run}/steps"),
        ("run_stream", "/runs/{run}/stream"),
        ("workflow", "/workflows/{workflow}"),
        ("workflow_runs", "/workflows/{workflow}/runs"),
        ("workflows", "/workflows"),
    ],
)
async def test_reading_loads_nothing_heavy(start: StartRun, file: str, path: str):
    run = await start()
    await store.cancel_run(UUID(run["id"]))  # a stream of it ends
    found = load(file, "GET", path.format(run=run["id"], workflow=run["workflow_id"]))
    assert found["status"] == 200
    assert heavy(found["ended"]) == set()


async def test_the_tables_are_shown_without_a_parser(tool: Client):
    found = load("db_query", "GET", "/db/schema")
    assert found["status"] == 200
    assert heavy(found["ended"]) == set()


async def test_a_statement_is_run_without_the_workflow_language(tool: Client):
    found = load("db_query", "POST", "/db/query", '{"sql": "select 1"}')
    assert found["status"] == 200
    assert heavy(found["ended"]) == {"lib.calls", "pgparse", "sqlglot"}


async def test_a_run_is_accepted_before_anything_heavy_is_loaded(start: StartRun):
    workflow = (await start())["workflow_id"]
    found = load("workflow_runs", "POST", f"/workflows/{workflow}/runs", "{}", RATCHET_AFTER_RESPONSE="on")
    assert found["status"] == 202
    assert heavy(found["answered"]) == set()
    assert heavy(found["ended"]) >= {"lib.dsl", "lib.engine.reactor"}  # its own run went on after the answer
