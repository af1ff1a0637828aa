"""What would happen around a write to a table: its triggers, constraints, cascades, rules and sequences."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from lib.dbtool.described import Shape
from lib.dbtool.logins import Connection
from lib.dbtool.values import look_up
from lib.dbtool.wire import cells, run

_INSERT, _DELETE, _UPDATE = 4, 8, 16  # bits of pg_trigger.tgtype
_EVENTS = {
    "insert": _INSERT | _UPDATE,  # ON CONFLICT … DO UPDATE
    "update": _UPDATE,
    "delete": _DELETE,
    "merge": _INSERT | _UPDATE | _DELETE,
}
_ACTIONS = {"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}
_KINDS = {"c": "check", "f": "foreign key", "p": "primary key", "u": "unique", "x": "exclusion"}

# $1 the table as text, $2 the bits of the events; one row of JSON, null if there is no such table.
_FACTS = """
with target as (select pg_catalog.to_regclass($1) as id)
select pg_catalog.json_build_object(
  'columns', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(attname, atttypid::pg_catalog.int8) order by attnum)
    from pg_catalog.pg_attribute
    where attrelid = id and attnum > 0 and not attisdropped
      and pg_catalog.has_column_privilege(id, attnum, 'select')),
  'triggers', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(
      t.tgname, t.tgtype, t.tgfoid::pg_catalog.regproc::pg_catalog.text, t.tgdeferrable) order by t.tgname)
    from pg_catalog.pg_trigger t
    where t.tgrelid = id and not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype::pg_catalog.int4 & $2 <> 0),
  'constraints', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(
      conname, contype, pg_catalog.pg_get_constraintdef(oid), condeferred) order by conname)
    from pg_catalog.pg_constraint where conrelid = id and contype in ('c', 'f', 'p', 'u', 'x')),
  'referenced_by', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(
      conname, conrelid::pg_catalog.regclass::pg_catalog.text, confupdtype, confdeltype) order by conname)
    from pg_catalog.pg_constraint where confrelid = id and contype = 'f' and conparentid = 0),
  'rules', (
    select pg_catalog.json_agg(rulename) from pg_catalog.pg_rewrite where ev_class = id and ev_type <> '1'),
  'sequences', (
    select pg_catalog.json_agg(distinct s.oid::pg_catalog.regclass::pg_catalog.text)
    from pg_catalog.pg_depend d
    left join pg_catalog.pg_attrdef f on d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and f.oid = d.objid
    join pg_catalog.pg_class s on s.relkind = 'S' and s.oid in (d.objid, d.refobjid)
    where f.adrelid = id or (d.refobjid = id and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass))
)
from target where id is not null
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a write's target; `columns` are those that the write login may also read.

    The other members are ready to be answered: a trigger says when and what it calls, a constraint its definition,
    `cascades` which tables refer to the target and what happens there.
    """

    columns: Shape
    triggers: list[dict[str, Any]]
    constraints: list[dict[str, Any]]
    cascades: list[dict[str, Any]]
    rules: list[str]
    sequences: list[str]


NOTHING_KNOWN = Facts(Shape((), ()), [], [], [], [], [])


async def read_facts(conn: Connection, target: tuple[str | None, str] | None, command: str) -> Facts:
    """The facts about the target (schema and name) of this command, by the transaction's own search path."""
    if target is None or command not in _EVENTS:
        return NOTHING_KNOWN
    name = sql.Identifier(*filter(None, target)).as_string(conn)
    rows = cells(await run(conn, _FACTS, [name.encode(), str(_EVENTS[command]).encode()]))
    if not rows:
        return NOTHING_KNOWN
    found = json.loads(rows[0][0] or "{}")
    columns = found["columns"] or []
    types = await look_up(conn, (oid for _, oid in columns))
    return Facts(
        columns=Shape(tuple(name for name, _ in columns), tuple(types[oid] for _, oid in columns)),
        triggers=[_trigger(*each) for each in found["triggers"] or []],
        constraints=[_constraint(*each) for each in found["constraints"] or [] if command != "delete"],
        cascades=[_cascade(command, *each) for each in found["referenced_by"] or [] if command != "insert"],
        rules=found["rules"] or [],
        sequences=(found["sequences"] or []) if command != "delete" else [],
    )


def _trigger(name: str, bits: int, function: str, deferrable: bool) -> dict[str, Any]:
    timing = "before" if bits & 2 else "instead of" if bits & 64 else "after"
    events = [word for word, bit in (("insert", _INSERT), ("update", _UPDATE), ("delete", _DELETE)) if bits & bit]
    each = "row" if bits & 1 else "statement"
    when = {"timing": timing, "events": events, "for_each": each}
    return {"name": name, **when, "function": function, "deferrable": deferrable}


def _constraint(name: str, kind: str, definition: str, deferred: bool) -> dict[str, Any]:
    return {"name": name, "kind": _KINDS[kind], "definition": definition, "deferred": deferred}


def _cascade(command: str, name: str, table: str, on_update: str, on_delete: str) -> dict[str, Any]:
    actions = {"on_update": _ACTIONS[on_update], "on_delete": _ACTIONS[on_delete]}
    wanted: Sequence[str] = {"update": ("on_update",), "delete": ("on_delete",)}.get(command, tuple(actions))
    return {"table": table, "constraint": name, **{key: actions[key] for key in wanted}}
