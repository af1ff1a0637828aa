"""The allow-lists against a real server: nothing on them does more than compute."""

import psycopg
import pytest

from lib.dbtool.names import functions, may_act, types
from lib.dev.postgres import Server

# Another answer each time, but no effect.
CHANCE_AND_TIME = {
    "array_sample",
    "array_shuffle",
    "clock_timestamp",
    "gen_random_uuid",
    "random",
    "random_normal",
    "timeofday",
    "uuidv4",
    "uuidv7",
}
# Of dangerous families, but they only describe the value or the place that they are given.
DESCRIBING = {"pg_column_size", "pg_size_pretty", "pg_typeof"}


@pytest.fixture(scope="module")
def volatility(server: Server) -> dict[str, set[str]]:
    """Of each of the server's own functions: how volatile its overloads are."""
    found: dict[str, set[str]] = {}
    with psycopg.connect(server.url("postgres")) as conn:
        rows = conn.execute(
            "select proname, provolatile::text from pg_proc where pronamespace = 'pg_catalog'::regnamespace"
        )
        for name, kind in rows:
            found.setdefault(name, set()).add(kind)
    return found


def test_no_volatile_function_may_be_called_but_for_chance_and_time(volatility: dict[str, set[str]]):
    assert {name for name in functions() if "v" in volatility.get(name, ())} <= CHANCE_AND_TIME


@pytest.mark.parametrize(
    "prefix", ["pg_", "lo_", "txid_", "has_", "xml", "query_to", "table_to", "schema_to", "to_reg"]
)
def test_no_function_of_a_dangerous_family_may_be_called(prefix: str):
    assert [name for name in functions() - DESCRIBING if name.startswith(prefix)] == []


def test_each_volatile_function_of_one_argument_is_known_to_act(server: Server):
    with psycopg.connect(server.url("postgres")) as conn:
        rows = conn.execute(
            """select distinct proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace
            and provolatile = 'v' and prokind = 'f' and pronargs >= 1 and pronargs - pronargdefaults <= 1
            and not 'internal'::regtype = any (proargtypes::oid[]) and prorettype <> 'trigger'::regtype"""
        ).fetchall()
    assert {name for (name,) in rows if not may_act(name)} <= CHANCE_AND_TIME


def test_no_type_looks_into_the_catalogs_but_for_the_one_that_text_search_needs():
    looking = {name for name in types() if name.startswith("reg") or name in {"cstring", "internal", "record"}}
    assert looking == {"regconfig"}
