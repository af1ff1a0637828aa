"""What has to hold at any moment, and what at the end, asked of the database alone."""

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

import psycopg

TERMINAL = "('completed', 'failed', 'cancelled')"

# Each answers the runs that break it; all of them are read from one snapshot.
ALWAYS: Mapping[str, LiteralString] = {
    "a run's seq has no gap": """
        select run_id from (
          select run_id, first_seq, lag(seq, 1, 0::bigint) over (partition by run_id order by seq) as before
          from ratchet.history) h
        where first_seq <> before + 1""",
    "a run stands at the seq of its last event": """
        select r.id from ratchet.runs r
        where r.sealed_seq + r.unsealed <>
          (select coalesce(max(h.seq), 0) from ratchet.history h where h.run_id = r.id)""",
    "an effect is completed once": """
        select run_id from ratchet.steps where status = 'completed'
        group by run_id, reference, visit having count(*) > 1""",
    "a step's seq is one of its run's commits": """
        select s.run_id from ratchet.steps s
        where not exists (select from ratchet.history h where h.run_id = s.run_id and h.seq = s.seq)""",
    "a finished run has no lease": """
        select id from ratchet.runs where status in ('completed', 'failed', 'cancelled') and lease is not null""",
    "a finished run ends with its end, told once": """
        select r.id from ratchet.runs r
        where r.status in ('completed', 'failed', 'cancelled') and (
          select array_agg(e.seq) from ratchet.events e where e.run_id = r.id
            and e.type ~ '^io.serverlessworkflow.workflow.(completed|faulted|cancelled).v1$'
        ) is distinct from array[r.sealed_seq + r.unsealed]""",
    "a task is not completed more often than it was started": """
        select run_id from ratchet.events where type like 'io.serverlessworkflow.task.%'
        group by run_id, data ->> 'task'
        having count(*) filter (where type like '%.completed.v1') > count(*) filter (where type like '%.started.v1')""",
    "a finished run listens to nothing and has no mail": """
        select r.id from ratchet.runs r where r.status in ('completed', 'failed', 'cancelled')
          and (exists (select from ratchet.subscriptions s where s.run_id = r.id)
            or exists (select from ratchet.inbox i where i.run_id = r.id))""",
    "an awaited child does not outlive its parent": """
        select c.id from ratchet.runs c join ratchet.runs p on p.id = c.parent_id
        where c.awaited and c.status not in ('completed', 'failed', 'cancelled')
          and p.status in ('completed', 'failed', 'cancelled')""",
    "who still waits for a child that has ended has its answer in the mail": """
        select p.id from ratchet.runs c
        join ratchet.runs p on p.id = c.parent_id and p.status not in ('completed', 'failed', 'cancelled')
        cross join lateral json_array_elements(p.state -> 'frames') f
        where c.awaited and c.status in ('completed', 'failed', 'cancelled')
          and (f ->> 'id')::integer = c.parent_effect and f ->> 'open' = 'true'
          and not exists (select from ratchet.inbox i
            where i.run_id = p.id and (i.payload ->> 'effect')::integer = c.parent_effect)""",
    "a completed run has a result and no state": """
        select r.id from ratchet.runs r join ratchet.run_payloads p on p.run_id = r.id
        where r.status = 'completed' and (p.result is null or coalesce(r.state, r.state_base) is not null)""",
    "the values kept beside a state are those that it names": """
        select coalesce(k.run_id, n.run_id) from ratchet.kept_values k
        full join (select r.id as run_id, (p ->> 1)::integer as number
          from ratchet.runs r cross join lateral (values (r.state), (r.state_base), (r.state -> 'base')) s (part)
          cross join lateral json_array_elements(s.part -> 'kept') p) n
        on n.run_id = k.run_id and n.number = k.number
        where k.run_id is null or n.run_id is null""",
}
# Where runs write to a ledger.
WITH_A_LEDGER: Mapping[str, LiteralString] = {
    "what a step has written stands there exactly as often as the step was committed": """
        select coalesce(l.run_id, s.run_id) from (
          select run::uuid as run_id, entry, count(*) from shop.ledger group by 1, 2) l
        full join (
          select run_id, regexp_replace(reference, '^.*/', '') as entry, count(*) from ratchet.steps
          where function = 'sql' and status = 'completed' group by 1, 2) s
        on s.run_id = l.run_id and s.entry = l.entry
        where s.count is distinct from l.count""",
}
AT_THE_END: Mapping[str, LiteralString] = {
    "every run has ended": """
        select id from ratchet.runs where status not in ('completed', 'failed', 'cancelled')""",
    "no run has failed": "select id from ratchet.runs where status = 'failed'",
    "no lease is left": "select id from ratchet.runs where lease is not null",
    "no mail is left": "select run_id from ratchet.inbox",
    "nobody listens any more": "select run_id from ratchet.subscriptions",
}


class Violation(Exception):
    """A promise that was broken, by which runs, and what else is known."""

    def __init__(self, promise: str, runs: tuple[UUID, ...], details: str = "") -> None:
        super().__init__(f"{promise}: broken by {len(runs)} run(s), {runs[0]} first{details}")
        self.promise, self.runs = promise, runs


async def check(conn: psycopg.AsyncConnection[Any], promises: Mapping[str, LiteralString]) -> None:
    """Raise Violation for the first promise that does not hold in one snapshot of the database."""
    async with conn.transaction():
        await conn.execute("set transaction isolation level repeatable read, read only")
        for promise, query in promises.items():
            rows = await (await conn.execute(query + " limit 20")).fetchall()
            if rows:
                raise Violation(promise, tuple(run for (run,) in rows))


async def check_results(conn: psycopg.AsyncConnection[Any], expected: Mapping[UUID, Any]) -> None:
    """Every run that completed came to what the same document comes to when nobody disturbs it."""
    rows = await (
        await conn.execute(
            "select r.id, p.result from ratchet.runs r join ratchet.run_payloads p on p.run_id = r.id"
            " where r.status = 'completed' and r.parent_id is null"
        )
    ).fetchall()
    wrong = tuple(run for run, result in rows if run in expected and result != expected[run])
    if wrong:
        raise Violation("a disturbed run comes to what an undisturbed one comes to", wrong)


async def check_world(conn: psycopg.AsyncConnection[Any], done: Mapping[str, int]) -> int:
    """Everything a run has committed was done at least once; answers how many effects were done more than once."""
    rows = await (
        await conn.execute(
            "select s.run_id, s.reference, s.visit from ratchet.steps s"
            " where s.function like 'soak\\_%' and s.status = 'completed'"
        )
    ).fetchall()
    missing = tuple(run for run, reference, visit in rows if f"{run}:{reference}:{visit}" not in done)
    if missing:
        raise Violation("what was committed was done", missing)
    return sum(1 for run, reference, visit in rows if done[f"{run}:{reference}:{visit}"] > 1)
