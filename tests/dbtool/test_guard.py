"""The guard: each hostile statement is refused for its own reason, and what stands beside it is not."""

import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from lib.dbtool import guard, lexer, tree
from lib.dbtool.catalog import EMPTY
from lib.dbtool.copy import copy_of
from lib.dbtool.guard import judge
from lib.dbtool.lexer import lex
from lib.dbtool.refusals import CODES
from lib.dbtool.source import Source
from lib.dev.postgres import Server
from lib.errors import QueryRefused
from tests.dbtool.verdicts import CATALOG, Case, read_cases, read_lines, verdict

ROOT = Path(__file__).parents[2]
# In a process of its own: what other tests freeze does not count.
FROZEN = """
import gc
from lib.dbtool.catalog import EMPTY
from lib.dbtool.guard import judge
judge("select 1", EMPTY)
print(gc.get_freeze_count(), len(gc.get_objects()))
"""


@pytest.mark.parametrize("case", read_cases("hostile.sql"), ids=str)
def test_a_hostile_statement_is_refused_for_its_own_reason(case: Case):
    assert verdict(case.sql) == case.verdict


@pytest.mark.parametrize("case", read_cases("conditions.sql"), ids=str)
def test_a_write_needs_a_condition_that_can_spare_a_row(case: Case):
    assert verdict(case.sql) == case.verdict


@pytest.mark.parametrize("sql", read_lines("calls.sql"))
def test_no_place_of_the_grammar_hides_a_call(sql: str):
    assert verdict(sql) == "function"


@pytest.mark.parametrize("sql", read_lines("attributes.sql"))
def test_no_dot_hides_a_call(sql: str):
    assert verdict(sql) == "function_as_attribute"


@pytest.mark.parametrize(
    "condition",
    [
        "not (" + " and ".join(f"c{n} = {n}" for n in range(12)) + ")",
        " or ".join(f"c{n} <> {n}" for n in range(12)),
        " or ".join(f"(c{n % 9} = {n} and d{n % 7} <> 'x{n}')" for n in range(60)),
        " and ".join(f"(c{n} is not null or d{n} = $1)" for n in range(40)),
        " or ".join(f"coalesce(c{n}, $1) = {n}" for n in range(40)),
        "id not in (" + ", ".join(map(str, range(1000))) + ")",
    ],
)
def test_a_large_condition_is_not_taken_for_a_constant_one(condition: str):
    assert verdict(f"delete from mystery where {condition}") == "write"


def test_every_refusal_of_the_cases_has_a_sentence_and_says_what_would_be_allowed():
    for case in [*read_cases("hostile.sql"), *read_cases("conditions.sql")]:
        if case.verdict in {"read", "write"}:
            continue
        assert case.verdict in CODES
        with pytest.raises(QueryRefused) as caught:
            judge(case.sql, CATALOG)
        assert caught.value.detail.endswith("."), case.sql
        assert caught.value.extra["allowed"].endswith((".", "…", '"größe".')), case.sql
        assert 1 <= caught.value.extra["position"] <= len(case.sql), case.sql


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("select 1 /* ä */, pg_read_file('x')", "pg_read_file"),
        ("select 'größe', touch(1)", "touch"),
        ("  select * from\n  films,\n  pg_authid", "pg_authid"),
        ("select 'x'::noisy", "noisy"),
        ("delete from rentals", "rentals"),
    ],
)
def test_a_refusal_points_at_its_cause_in_the_text_as_sent(sql: str, what: str):
    with pytest.raises(QueryRefused) as caught:
        judge(sql, CATALOG)
    assert sql[caught.value.extra["position"] - 1 :].startswith(what)


def test_a_statement_says_what_it_is():
    read = judge("select id from films where id = $2 and title = $1 -- all", CATALOG)
    assert (read.kind, read.command, read.target, read.parameters) == ("read", "select", None, 2)
    assert read.text == "select id from films where id = $2 and title = $1"
    write = judge("update app.rentals set fee = 1 where id = 1", CATALOG)
    assert (write.kind, write.command, write.target, write.parameters) == ("write", "update", ("app", "rentals"), 0)
    inner = judge("with x as (delete from films where id = 1 returning *) select * from x", CATALOG)
    assert (inner.kind, inner.command, inner.target) == ("write", "select", (None, "films"))


def test_the_plan_of_a_write_is_a_read_but_is_judged_as_the_write():
    plan = judge("explain (format json) delete from films where id = 1", CATALOG)
    assert (plan.kind, plan.command, plan.explain is not None) == ("read", "delete", True)
    assert verdict("explain delete from films") == "no_condition"


@pytest.mark.parametrize(
    "expression",
    [
        "5::int", "now()::date", "'a'::text collate \"C\"", "(select 5::int)", "case when true then 1 end::text",
        "array[1]", "coalesce(1, 2)::numeric", "nullif(1, 2)", "greatest(1, 2)", "current_date::text", "json_array(1)",
        "(array[date '2020-01-01'])[1]", "(select max(id) as length)", "extract(year from now())",
    ],
)  # fmt: skip
def test_a_column_without_a_name_has_the_one_that_postgresql_gives_it(expression: str, server: Server):
    with psycopg.connect(server.url("postgres")) as conn:
        cursor = conn.execute(f"select {expression} from (select 1 as id) films".encode())
        name = cursor.description[0].name if cursor.description else ""
    assert verdict(f'select x."{name}" from (select {expression} from films) x') == "read"
    assert verdict(f"select x.upper from (select {expression} from films) x") == "function_as_attribute"


def test_without_a_catalog_syntax_alone_decides():
    assert verdict("select f.title, (e).key from films f, mystery.things e where f.x @> '{}'", EMPTY) == "read"
    assert verdict("select ('x').pg_read_file", EMPTY) == "function_as_attribute"
    assert verdict("select ('x').dblink_exec", EMPTY) == "function_as_attribute"
    assert verdict("select 'x'::noisy", EMPTY) == "type"


def test_a_table_nobody_knows_is_no_reason_to_refuse():
    assert verdict("select m.anything from mystery m where m.id = 1") == "read"
    assert verdict("update mystery set a = 1 where b = 2") == "write"


def test_a_schema_nobody_may_read_is_a_reason_to_refuse():
    assert verdict("select 1 from secret.things") == "schema"
    assert verdict("select 1 from app.things") == "read"


@pytest.mark.parametrize(
    "bomb",
    [
        "select " + "date(" * 26 + "now()" + ")" * 26,
        "select " + "array[" * 22 + "1" + "]" * 22,
        "select 1::int[" + "1::int[" * 20 + "1" + "]" * 21,
        "select (array[1])" + "[1]" * 300,
        "select " + "case when true then " * 60 + "1" + " end" * 60,
        "select " + "(" * 200 + "1" + ")" * 200,
        "select " + "(select " * 100 + "1" + ")" * 100,
        "select " + "not " * 2000 + "true",
        "select 1" + "::int" * 1500,
        "select 1" + " + 1" * 1900,
        "with a0 as (select * from films)"
        + "".join(f", a{n + 1} as (select * from a{n} x, a{n} y)" for n in range(40))
        + " select 1 from a40",
        "delete from films where " + "lower(" * 36 + "title" + ")" * 36 + " = 'x'",
        "delete from films where title" + " || title" * 250 + " = 'x'",
        "delete from films where id" + " * id" * 250 + " = 1",
        "delete from films where id * " + " * ".join(["9" * 40] * 290) + " = 1",
        "delete from films where title ~ '(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)x'",
        "delete from films where title ~ '((((a?){9}){9}){9}){9}b'",
    ],
)
def test_a_parse_bomb_ends_in_time_even_without_the_lexers_limits(bomb: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lexer, "check_limits", lambda tokens: None)
    ended: list[str] = []
    thread = threading.Thread(target=lambda: ended.append(verdict(bomb)), daemon=True)
    thread.start()
    thread.join(5)
    assert ended, "the guard is still busy after five seconds"


def test_the_second_parser_is_stopped_by_a_budget_of_steps():
    lexed = lex("select date(1)")
    bomb = "select " + "struct(" * 24 + "1" + ")" * 24
    with pytest.raises(QueryRefused) as caught:
        tree.view(Source(lexed.text, lexed.tokens), bomb)
    assert caught.value.extra["code"] == "too_slow"


def test_parsers_that_see_different_things_end_in_a_refusal(monkeypatch: pytest.MonkeyPatch):
    lexed = lex("select lower('x') from films where id = 1")
    source = Source(lexed.text, lexed.tokens)
    others = [
        "select upper('x') from films where id = 1",
        "select lower('x') from rentals where id = 1",
        "select lower('x') from films",
        "select (select lower('x')) from films where id = 1",
        "with a as (select 1) select lower('x') from films where id = 1",
    ]
    seen = tree.view(source, copy_of(lexed.tokens))
    assert [seen.difference(tree.view(source, other)) for other in [lexed.text, *others]] == [
        None,
        "functions",
        "tables",
        "conditions",
        "commands",
        "commands",
    ]
    monkeypatch.setattr("lib.dbtool.copy.copy_of", lambda tokens: others[0])
    assert verdict(lexed.text) == "parsers_disagree"


def test_the_second_parser_never_writes_statements_to_the_log(caplog: pytest.LogCaptureFixture):
    lexed = lex("select 1")
    with pytest.raises(QueryRefused):
        tree.view(Source(lexed.text, lexed.tokens), "vacuum secret_table")
    assert "secret_table" not in caplog.text


def test_no_collection_walks_the_parsers_in_the_midst_of_a_decision():
    told = subprocess.run([sys.executable, "-c", FROZEN], cwd=ROOT, capture_output=True, text=True, check=True)
    frozen, walked = map(int, told.stdout.split())
    assert walked < frozen / 10


def test_heavy_parsers_are_imported_only_to_judge():
    assert not {"sqlglot", "pgparse", "tree", "second"} & set(vars(guard))
