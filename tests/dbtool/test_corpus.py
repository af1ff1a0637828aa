"""The shared corpus of hostile and ordinary statements: what the guard decides, and how long that takes."""

import gc
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lib.dbtool import logins
from lib.dbtool.catalog import Catalog, read_catalog
from lib.dev.postgres import Server
from tests.conftest import Configure
from tests.dbtool.verdicts import verdict

pytestmark = pytest.mark.anyio

CORPUS = Path(__file__).parents[2].parent / "shared" / "sqlguard"
EXPECTED = {"read": "read", "write": "write-needs-confirm"}
MOST_MILLISECONDS = 50

if not CORPUS.is_dir():
    pytest.skip("not run: the corpus of statements is not beside the project", allow_module_level=True)

CASES: list[dict[str, Any]] = [json.loads(line) for line in (CORPUS / "shared_corpus.jsonl").read_text().splitlines()]


@pytest.fixture
async def catalog(server: Server, configure: Configure) -> AsyncIterator[Catalog]:
    """The catalog of the corpus's own schema, as read from a database."""
    url = server.create_database("corpus_decisions")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute((CORPUS / "schema.sql").read_bytes())
    configure(DATABASE_URL=url, DB_TOOL_READ_URL=url, DB_TOOL_ALLOW_SUPERUSER="on")
    yield await read_catalog(fresh=True)
    await logins.close()
    server.drop_database("corpus_decisions")


async def test_no_hostile_statement_is_accepted_and_no_benign_one_refused(
    catalog: Catalog, capsys: pytest.CaptureFixture[str]
):
    wrong, slow, worst = [], [], 0.0
    verdict("select 1", catalog)  # imports the parsers
    gc.collect()
    # a full collection over all that the tests have loaded takes 50 ms by itself; never undone: the parsers freeze, too
    gc.freeze()
    for case in CASES:
        start = time.thread_time()
        code = verdict(case["sql"], catalog)
        milliseconds = (time.thread_time() - start) * 1000
        worst = max(worst, milliseconds)
        got = EXPECTED.get(code, "reject")
        if got != case["expect"] and got not in case.get("also_ok", ()):
            wrong.append((case["id"], got, code))
        if milliseconds > min(MOST_MILLISECONDS, case.get("budget_ms", MOST_MILLISECONDS)):
            slow.append((case["id"], milliseconds))
    with capsys.disabled():
        print(f"\n{len(CASES)} statements, {len(wrong)} decided wrongly, worst decision {worst:.1f} ms")
    assert wrong == []
    assert slow == []
