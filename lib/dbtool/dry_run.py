"""Dry runs: a write executed on the write login and always rolled back, with what it would have done.

What a rollback does not give back (sequence values) is said in the warnings.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lib.dbtool.catalog import read_catalog
from lib.dbtool.changing import Change, change
from lib.dbtool.described import Answer, Described, describe_with
from lib.dbtool.facts import Facts, read_facts
from lib.dbtool.logins import Connection, transaction
from lib.dbtool.parts import Parts, Target, find_clause, find_target, take_apart
from lib.dbtool.preview import CHARACTERS, MOST_CHARACTERS, ROWS, rows_before
from lib.dbtool.reading import since
from lib.dbtool.refusals import refused
from lib.dbtool.wire import cells, run

if TYPE_CHECKING:
    from lib.dbtool.guard import Statement

# More is a migration, to be made by somebody who watches it.
MOST_AFFECTED_ROWS = 10_000
_PLAN_CHARACTERS = 200_000
_A_FEW_ROWS = 2  # that the one row of a table is changed is no news
_MERGE_RETURNS_SINCE = 170000

# Stable words for what is warned of, for programs that decide by them.
type WarningCode = Literal[
    "every_row",
    "rows_not_in_source",
    "before_not_shown",
    "not_all_shown",
    "sequence_moves_on",
    "triggers_ran",
    "rows_of_others_follow",
    "rules_apply",
]
type _Warning = tuple[WarningCode, str]


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a write would do.

    `before` are the first 20 rows that it changes, as objects, values cut; `after` those that it answers or, without
    RETURNING, the changed rows as they are then. `plan` is {"total_cost", "rows", "tree"}. `triggers`, `constraints`
    and `cascades` are those of the table that the statement names. `warning_codes` are those of the `warnings`, each.
    """

    affected_rows: int
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    plan: dict[str, Any]
    triggers: list[dict[str, Any]]
    constraints: list[dict[str, Any]]
    cascades: list[dict[str, Any]]
    warnings: list[str]
    warning_codes: list[WarningCode]
    ms: int


async def dry_run(statement: "Statement", parameters: Sequence[Any], *, seconds: float) -> DryRun:
    """Execute a write, look at what it did, and roll it back; deferred constraints are checked too."""
    began = time.perf_counter()
    schemas = (await read_catalog()).schemas
    async with transaction("write", seconds=seconds, schemas=schemas) as conn:
        described = await describe_with(conn, statement, parameters)
        plan = await _plan(conn, statement, described)
        parts = take_apart(statement)
        target = find_target(statement, parts)
        facts = await read_facts(conn, statement.target if target else None, statement.command)
        before = await rows_before(conn, statement, described, parts, target, facts) if target else None
        shown = _shown(conn, statement, target, facts, before)
        limits = {"max_rows": ROWS, "longest": CHARACTERS, "most_characters": MOST_CHARACTERS}
        done = await change(conn, statement, described, parts, returning=shown, **limits)
        check_size(done)
        spares = await _spares_a_row(conn, statement, parts, target, facts, done)
        await run(conn, "set constraints all immediate")
    deleted = statement.command == "delete" and not described.shape.names
    before_rows = before.rows if before else done.rows if deleted else []
    warned = [*_warnings_of_reach(statement, spares), *_warnings(statement, parts, facts, before, done)]
    return DryRun(
        affected_rows=done.affected_rows,
        before=_objects(facts.columns.names, before_rows),
        after=[] if deleted else _objects(done.columns, done.rows),
        plan=plan,
        triggers=facts.triggers,
        constraints=facts.constraints,
        cascades=facts.cascades,
        warnings=[sentence for _, sentence in warned],
        warning_codes=[code for code, _ in warned],
        ms=since(began),
    )


def check_size(done: Change) -> None:
    """Refuse a write that changes more rows than anybody can look over."""
    if done.affected_rows > MOST_AFFECTED_ROWS:
        raise refused(
            "too_many_rows",
            detail=f"The statement changes {done.affected_rows:,} rows.",
            allowed=f"At most {MOST_AFFECTED_ROWS:,} rows in one statement: narrow its condition.",
        )


async def _plan(conn: Connection, statement: "Statement", described: Described) -> dict[str, Any]:
    """The server's plan with its estimates; a plan too large to be read has no tree."""
    result = await run(conn, f"explain (format json) {statement.text}", described.values, described.value_types)
    ((text,),) = cells(result)
    tree = json.loads(text or "[{}]")[0].get("Plan", {})
    rows = max((node.get("Plan Rows", 0) for node in (tree, *tree.get("Plans", []))), default=0)
    kept = tree if len(text or "") <= _PLAN_CHARACTERS else None
    return {"total_cost": tree.get("Total Cost"), "rows": rows, "tree": kept}


async def _spares_a_row(
    conn: Connection, statement: "Statement", parts: Parts, target: Target | None, facts: Facts, done: Change
) -> bool:
    """Whether the table has more rows than an UPDATE or DELETE has changed; true where that cannot be asked."""
    asked = statement.command in ("update", "delete") and facts.columns.names
    if target is None or not asked or any(cte.changes for cte in parts.ctes) or done.affected_rows < _A_FEW_ROWS:
        return True
    gone = statement.command == "delete"
    most = 1 if gone else done.affected_rows + 1
    rows = f"select 1 from {target.relation} limit {most}"  # noqa: S608  made of a statement that was judged
    ((left,),) = cells(await run(conn, f"select pg_catalog.count(*) from ({rows}) as q"))  # noqa: S608
    return int(left or 0) >= most


def _warnings_of_reach(statement: "Statement", spares: bool) -> Iterator[_Warning]:
    """What comes before all else: that a write reaches further than its words may say."""
    if not spares:
        yield "every_row", f"Every row of the table is {'deleted' if statement.command == 'delete' else 'changed'}."
    if any(
        [token.value for token in statement.tokens[place : place + 3]] == ["matched", "by", "source"]
        for place in range(len(statement.tokens))
    ):
        sentence = "Rows that the source does not name are changed or deleted as well (WHEN NOT MATCHED BY SOURCE)."
        yield "rows_not_in_source", sentence


def _shown(
    conn: Connection, statement: "Statement", target: Target | None, facts: Facts, before: Answer | None
) -> tuple[Target, Facts] | None:
    """The target, if the rows that the statement leaves behind can and need be asked of it."""
    too_old = statement.command == "merge" and conn.info.server_version < _MERGE_RETURNS_SINCE
    known = statement.command == "delete" and before is not None
    return None if target is None or facts.rules or too_old or known else (target, facts)


def _objects(names: Sequence[str], rows: list[list[Any]]) -> list[dict[str, Any]]:
    """Rows as objects; of columns with one name the last is kept."""
    return [dict(zip(names, row, strict=True)) for row in rows]


def _warnings(
    statement: "Statement", parts: Parts, facts: Facts, before: Answer | None, done: Change
) -> Iterator[_Warning]:
    """What a reader of the dry run should know and would not guess."""
    replaces = statement.command == "insert" and find_clause(statement.tokens, "conflict", parts.main) is not None
    if before is None and (replaces or statement.command in ("update", "merge", "select")):
        yield "before_not_shown", "The rows before the change cannot be shown for this statement."
    if (before and before.truncated) or done.truncated:
        sentence = f"Not all rows and values are shown: at most {ROWS} rows, {CHARACTERS:,} characters each."
        yield "not_all_shown", sentence
    defaults = statement.command != "update" or any(token.text.lower() == "default" for token in statement.tokens)
    for name in facts.sequences if defaults else ():
        yield "sequence_moves_on", f"Values taken from the sequence {name} are not given back by the roll-back."
    if facts.triggers:
        yield "triggers_ran", "Triggers ran too: what they do outside this database is not undone."
    for each in facts.cascades:
        for event in ("delete", "update"):
            if each.get(f"on_{event}") in ("cascade", "set null", "set default"):
                sentence = f"Rows of {each['table']} follow on {event} ({each[f'on_{event}']}) and are not counted."
                yield "rows_of_others_follow", sentence
    if facts.rules:
        yield "rules_apply", "The table has rewrite rules: the statement does what they say."
