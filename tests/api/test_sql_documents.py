"""Publishing a workflow that asks the database: what is written out is judged, and so is who has written it."""

import json
from typing import Any

import pytest

from tests.api.client import Client
from tests.conftest import Configure
from tests.documents import document

pytestmark = pytest.mark.anyio

KEYS = {
    "author": ["workflows:write"],
    "reader": ["workflows:write", "db:read"],
    "writer": ["workflows:write", "db:read", "db:write"],
}
READ = {"call": "sql", "with": {"sql": "select item from shop.stock"}}
WRITE = {"call": "sql", "with": {"sql": "delete from shop.stock where item = $1", "params": ["x"], "confirm": True}}


def call(sql: str, **more: Any) -> dict[str, Any]:
    return {"call": "sql", "with": {"sql": sql, **more}}


def hidden(task: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Documents with this task in the places where one could overlook it."""
    nested = {"try": [{"input": {"fork": {"branches": [{"set": task}]}}}], "catch": {"do": []}}
    extension = {"extend": "set", "before": [{"export": task}]}
    return {
        "plain": document([{"a": task}]),
        "in names like properties": document([{"with": nested}]),
        "in a handler": document([{"a": {"try": [], "catch": {"do": [{"emit": task}]}}}]),
        "in foreach": document(
            [{"a": {"listen": {"to": {"one": {"with": {"type": "t"}}}}, "foreach": {"do": [{"output": task}]}}}]
        ),
        "in a function": document([{"a": {"call": "mine"}}], use={"functions": {"mine": task}}),
        "in an extension": document([{"a": {"set": {"b": 1}}}], use={"extensions": [{"e": extension}]}),
    }


PLACES = sorted(hidden(READ))


@pytest.fixture
def keys(api: Client, configure: Configure) -> None:
    configure(RATCHET_API_KEYS=json.dumps(KEYS))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("task", "scope", "lacks", "has"), [(READ, "db:read", "author", "reader"), (WRITE, "db:write", "reader", "writer")]
)
async def test_only_who_may_do_it_himself_may_publish_it(
    keys: None, place: str, task: dict[str, Any], scope: str, lacks: str, has: str
):
    definition = hidden(task)[place]
    refused = await Client(authorization=f"Bearer {lacks}")("POST", "/workflows", json=definition)
    assert (refused.status, refused.json()["scope"]) == (403, scope)
    row = {"name": "row", "definition": {"do": definition["do"], "use": definition.get("use", {})}}
    again = await Client(authorization=f"Bearer {lacks}")("POST", "/workflows", json=row)
    assert again.status == 403
    assert (await Client(authorization=f"Bearer {has}")("POST", "/workflows", json=definition)).status == 201


@pytest.mark.parametrize(
    ("function", "arguments", "scope"),
    [
        ("ask", {"question": "how many?"}, "db:read"),
        ("recall", {"collection": "c", "query": "q"}, "db:read"),
        ("remember", {"collection": "c", "text": "t"}, "db:write"),
    ],
)
async def test_whatever_else_asks_the_database_needs_a_scope_too(
    keys: None, function: str, arguments: dict[str, Any], scope: str
):
    definition = document([{"a": {"call": function, "with": arguments}}])
    found = await Client(authorization="Bearer author")("POST", "/workflows", json=definition)
    assert (found.status, found.json()["scope"]) == (403, scope)


async def test_a_new_version_needs_the_scope_as_well(keys: None):
    plain = document([{"a": {"set": {"b": 1}}}])
    assert (await Client(authorization="Bearer author")("POST", "/workflows", json=plain)).status == 201
    newer = document([{"a": WRITE}])
    newer["document"]["version"] = "1.0.1"
    found = await Client(authorization="Bearer author")("PUT", "/workflows/test", json=newer)
    assert (found.status, found.json()["scope"]) == (403, "db:write")


@pytest.mark.parametrize(
    ("task", "pointer", "said"),
    [
        (call("drop table t"), "/sql", "(statement, at character 1)"),
        (call("select pg_sleep(9)"), "/sql", "(function, at character 8)"),
        (call("select 1; select 2"), "/sql", "(more_than_one_statement,"),
        (call("delete from t", confirm=True), "/sql", "(no_condition,"),
        (call("delete from t where id = 1"), "", "needs `confirm: true`"),
        (call("explain delete from t where id = 1"), "", "needs `confirm: true`"),
        (call("with gone as (delete from t where id = 1 returning *) select * from gone"), "", "needs `confirm: true`"),
        (call("select $1::int", params=[1, 2]), "/params", "takes 1 parameter, not 2"),
        (call("select $1::int"), "/params", "takes 1 parameter, not 0"),
    ],
)
async def test_what_is_written_out_is_judged(api: Client, task: dict[str, Any], pointer: str, said: str):
    found = await api("POST", "/workflows", json=document([{"a": task}]))
    assert found.status == 422
    [error] = found.json()["errors"]
    assert error["pointer"] == f"/do/0/a/with{pointer}"
    assert said in error["detail"]


async def test_each_mistake_is_told_where_it_was_written(api: Client):
    functions = {"mine": call("drop table t")}
    extensions = [{"e": {"extend": "set", "before": [{"x": call("drop table t")}]}}]
    tasks = [{"a": {"call": "mine"}}, {"b": {"call": "mine"}}, {"c": {"set": {"d": 1}}}, {"d": call("drop table t")}]
    use = {"functions": functions, "extensions": extensions}
    found = await api("POST", "/workflows", json=document(tasks, use=use))
    places = {"/use/functions/mine", "/use/extensions/0/e/before/0/x", "/do/3/d"}
    assert {error["pointer"] for error in found.json()["errors"]} == {f"{place}/with/sql" for place in places}
    row = {"name": "row", "definition": {"do": tasks, "use": use}}
    found = await api("POST", "/workflows", json=row)
    assert {error["pointer"] for error in found.json()["errors"]} == {
        f"/definition{place}/with/sql" for place in places
    }


@pytest.mark.parametrize(
    "task",
    [
        call("select * from a_table_that_is_made_later where id = $1", params=["${ .id }"]),
        call("insert into t (a) values ($1)", params="${ .values }", confirm=True),
        call("${ .text }"),
    ],
)
async def test_what_may_be_right_when_it_runs_is_published(api: Client, task: dict[str, Any]):
    assert (await api("POST", "/workflows", json=document([{"a": task}]))).status == 201
