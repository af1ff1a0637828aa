"""A question becomes SQL: a model proposes, the guard judges, the database explains, reads or tries.

Rule: a proposal is foreign SQL like any other, and a write is never carried out here. What goes back to the model is
why a proposal was refused; rows never do, so that nothing stored in a table can talk to it.
"""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.calls import meaning
from lib.calls.audit import Tell
from lib.calls.context import CallContext
from lib.calls.failures import as_fault
from lib.calls.queries import QueryRequest, judge_query, run_query
from lib.complaints import sum_up
from lib.dbtool import model, relevance
from lib.dbtool.catalog import read_catalog
from lib.dbtool.guard import Statement
from lib.dbtool.prompts import Proposal, add_refusal, describe, open_conversation, read_proposal
from lib.dbtool.refusals import refused
from lib.dbtool.samples import read_samples
from lib.dsl import faults
from lib.errors import Forbidden, QueryFailed, QueryRefused, RatchetError, Unavailable

ATTEMPTS = 3
ANSWER_SECONDS = 60.0
MAX_QUESTION_CHARACTERS = 4000

type Messages = list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked, and by whom, as in QueryRequest; `execute` is for reads: a write becomes a dry run."""

    question: str
    execute: bool = False
    caller_name: str
    scopes: frozenset[str]
    origin: str = "ask"
    seconds: float = math.inf


class Arguments(BaseModel):
    """The arguments of `call: ask`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str = Field(min_length=1, max_length=MAX_QUESTION_CHARACTERS)
    execute: bool = True


async def ask(asked: Asked, tell: Tell | None = None) -> dict[str, Any]:
    """The first acceptable proposal and what came of it: a read's plan or rows, a write's dry run.

    Raises QueryRefused (`no_acceptable_sql`) when there is none, NotSetUp, ModelFailed, Unavailable, TooManyRequests.
    """
    model.require_chat()
    end = time.monotonic() + asked.seconds
    messages, refusal = await _open(asked), ""
    for attempt in range(1, ATTEMPTS + 1):
        reply = await model.chat(messages, seconds=min(ANSWER_SECONDS, _left(end)))
        proposal = read_proposal(reply.text)
        if proposal is None:
            refusal = "It is not the JSON object that was asked for."
        elif not proposal.sql.strip():
            raise _no_sql(f"The model sees no way to ask this of the database: {proposal.explanation[:500]}")
        else:
            try:
                answer = await _try(proposal, asked, _left(end), tell)
            except (QueryRefused, QueryFailed, Forbidden) as exc:
                refusal = _sentence(exc)
            else:
                return {"question": asked.question, **answer, "attempts": attempt, "model": reply.model}
        messages = add_refusal(messages, reply.text, refusal)
    raise _no_sql(f"None of {ATTEMPTS} proposals was acceptable. Of the last one: {refusal}")


async def _open(asked: Asked) -> Messages:
    """The first messages: the question, and the tables it seems to be about."""
    catalog = await read_catalog()
    samples = await read_samples(catalog)
    described = {name: describe(name, table, samples.get(name, {})) for name, table in catalog.tables.items()}
    ranking: list[relevance.Name] = []
    if len(described) > relevance.WHOLE:
        # in a thread: a thousand tables take a fifth of a second
        by_words = await asyncio.to_thread(relevance.rank, asked.question, catalog.tables, samples)
        ranking = relevance.fuse(by_words, await meaning.rank(asked.question, described))
    chosen = relevance.choose(catalog.tables, ranking)
    may_write = "db:write" in asked.scopes
    return open_conversation(asked.question, [described[name] for name in chosen], may_write=may_write)


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise Unavailable("This invocation has no time left for another proposal: try again.")
    return left


async def _try(proposal: Proposal, asked: Asked, seconds: float, tell: Tell | None) -> dict[str, Any]:
    """What came of a proposal; raises QueryRefused, QueryFailed or Forbidden for one that has to be made better."""
    statement = await _judge(proposal.sql)
    text = statement.text if statement else proposal.sql
    plan_only = statement is not None and statement.kind == "read" and not asked.execute
    request = QueryRequest(
        sql=f"explain (format json) {text}" if plan_only else text,
        caller_name=asked.caller_name,
        scopes=asked.scopes,
        origin=asked.origin,
        seconds=seconds,
    )
    answer = await run_query(request, tell)
    if plan_only:
        answer = {"kind": "read", "dry_run": True, "plan": _plan(answer["rows"][0][0])}
    return {"sql": text, "explanation": proposal.explanation, **answer}


async def _judge(sql: str) -> Statement | None:
    """The statement; None for one that is refused: running it will say so again, and is what records a refusal."""
    try:
        return await judge_query(sql, ())
    except QueryRefused:
        return None


def _plan(explained: Any) -> dict[str, Any]:
    """The plan as a dry run tells it; one that was too long to be answered in whole has no tree."""
    tree = explained[0]["Plan"] if isinstance(explained, list) else None
    found = tree or {}
    return {"total_cost": found.get("Total Cost"), "rows": found.get("Plan Rows"), "tree": tree}


def _sentence(error: RatchetError) -> str:
    """What the model is told of a proposal that came to nothing."""
    if isinstance(error, Forbidden):
        return "It changes data, and only reads are allowed here."
    allowed = error.extra.get("allowed")
    return f"{error.detail} Allowed: {allowed}" if allowed else error.detail


def _no_sql(sentence: str) -> QueryRefused:
    return refused("no_acceptable_sql", detail=sentence)


async def call(arguments: Any, context: CallContext) -> Any:
    """`call: ask`: the answer of a read, its rows unless `execute` is false; never a write. Raises a Fault."""
    try:
        asked = Arguments.model_validate(arguments)
    except ValidationError as exc:
        raise faults.validation(f"`ask` was called wrongly: {sum_up(exc)}") from None
    try:
        return await ask(
            Asked(
                question=asked.question,
                execute=asked.execute,
                caller_name="",
                scopes=frozenset({"db:read"}),
                origin=f"{context.run_id}:{context.reference}",
                seconds=context.timeout_seconds,
            )
        )
    except RatchetError as exc:
        raise as_fault(exc) from None
