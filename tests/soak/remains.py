"""What a run that broke a promise looks like, for whoever has to find out why: it may not happen again."""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

import psycopg

SHOWN = 3
_QUESTIONS: dict[str, LiteralString] = {
    "run": "select jsonb_strip_nulls(to_jsonb(r)) from ratchet.runs r where r.id = %s",
    "child": "select jsonb_build_object('id', r.id, 'status', r.status, 'effect', r.parent_effect)"
    " from ratchet.runs r where r.parent_id = %s",
    "error": "select p.error from ratchet.run_payloads p where p.run_id = %s and p.error is not null",
    "state": "select r.state from ratchet.runs r where r.id = %s and r.state is not null",
    "base": "select r.state_base from ratchet.runs r where r.id = %s and r.state_base is not null",
    "listens": "select to_jsonb(s) from ratchet.subscriptions s where s.run_id = %s",
    "mail": "select jsonb_strip_nulls(to_jsonb(i)) from ratchet.inbox i where i.run_id = %s limit 3",
    "commit": "select jsonb_build_array(h.seq, h.created_at, h.events) from ratchet.history h where h.run_id = %s"
    " order by h.seq desc limit 3",
}
_ACTIVITY: LiteralString = """
select jsonb_build_object('pid', a.pid, 'login', a.usename, 'of', a.application_name, 'state', a.state,
  'waits for', a.wait_event, 'blocked by', pg_blocking_pids(a.pid), 'for', now() - a.state_change,
  'query', left(a.query, 120))
from pg_stat_activity a where a.datname = current_database() and a.pid <> pg_backend_pid()"""


async def describe(conn: psycopg.AsyncConnection[Any], runs: Sequence[UUID]) -> str:
    """The rows of a few of these runs, the server's clock, and what its connections are doing."""
    lines = []
    for run in runs[:SHOWN]:
        for name, question in _QUESTIONS.items():
            lines += [f"{name} {_cut(row)}" for row in await _ask(conn, question, (run,))]
    lines += [f"clock {_cut(row)}" for row in await _ask(conn, "select to_jsonb(ratchet.clock())")]
    lines += [f"connection {_cut(row)}" for row in await _ask(conn, _ACTIVITY)]
    return "".join(f"\n  {line}" for line in lines)


async def _ask(conn: psycopg.AsyncConnection[Any], question: LiteralString, params: Sequence[Any] = ()) -> list[Any]:
    rows = await (await conn.execute(f"select a::text from ({question}) q (a)", params)).fetchall()
    return [answer for (answer,) in rows]


def _cut(text: str) -> str:
    return text if len(text) <= 3000 else text[:3000] + " …"
