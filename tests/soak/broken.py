"""Builds that are broken on purpose, one promise each: a soak that does not find them would find nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from lib.migrate import SQL


@dataclass(frozen=True)
class Break:
    """One place of one SQL function, and what stands there in the broken build."""

    function: str
    old: str
    new: str


GLOBAL_SEQUENCE = "seq comes from a global sequence"

BUILDS: Mapping[str, tuple[Break, ...]] = {
    # who has lost its lease commits all the same
    "the fence is removed": (
        Break(
            "commit_batch",
            "r.lease = p_lease and r.status || '' = 'running' and r.sealed_seq + r.unsealed = e.base",
            "r.status = 'running'",
        ),
    ),
    # who listens does not wait for who is just sending
    "the event lock is removed": (
        Break("lock_event_types", "perform pg_advisory_xact_lock(7245388, v_lock.bucket);", "null;"),
        Break("lock_event_types", "perform pg_advisory_xact_lock_shared(7245388, v_lock.bucket);", "null;"),
    ),
    # a run that somebody holds is handed out again
    "the lease is ignored": (
        Break("claim_runs", "and r.due_at <= v_now", "and (r.due_at <= v_now or r.lease is not null)"),
        Break("commit_batch", "r.lease = p_lease and r.status", "r.status"),
    ),
    # numbers come from one sequence for all runs, as an identity column would give them
    GLOBAL_SEQUENCE: (
        Break(
            "commit_batch",
            "e.count + (e.pausable and r.suspend_requested)::integer",
            # what tells nothing has no number in this build, either
            "case when e.count > 0 or e.pausable and r.suspend_requested"
            " then (nextval('ratchet.seqs') - r.sealed_seq - r.unsealed)::integer else 0 end",
        ),
    ),
}


def statements(build: str) -> list[str]:
    """What makes a migrated database this build; several breaks of one function are made together.

    Raises LookupError, which no wave takes for a promise that was broken, when a function has been changed meanwhile.
    """
    texts: dict[str, str] = {}
    for each in BUILDS[build]:
        text = texts.get(each.function) or (SQL / "functions" / f"{each.function}.sql").read_text()
        if each.old not in text:
            raise LookupError(f"{each.function}.sql no longer says: {each.old}")
        texts[each.function] = text.replace(each.old, each.new)
    if build == GLOBAL_SEQUENCE:
        return ["create sequence ratchet.seqs start 10 increment by 10", *texts.values()]
    return list(texts.values())
