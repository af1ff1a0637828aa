"""GET /db/schema: what a person or an agent must know to write a statement, and nothing that he may not see."""

from typing import Any

import pytest

from tests.api.client import Client
from tests.history import sql

pytestmark = pytest.mark.anyio


async def names(tool: Client, query: str = "") -> list[str]:
    found = await tool("GET", f"/db/schema{query}")
    assert found.status == 200, found.body
    return [table["name"] for table in found.json()["tables"]]


async def table(tool: Client, name: str) -> dict[str, Any]:
    found = (await tool("GET", f"/db/schema?q={name}")).json()["tables"]
    [one] = [table for table in found if table["name"] == name]
    return dict(one)


async def test_tells_tables_with_their_columns_comments_and_keys(tool: Client):
    bikes = await table(tool, "bikes")
    assert (bikes["schema"], bikes["kind"]) == ("rental", "table")
    assert bikes["comment"] == "Every bicycle the company owns."
    assert bikes["primary_key"] == ["bike_id"]
    stations = {"schema": "rental", "table": "stations", "columns": ["station_id"]}
    assert bikes["foreign_keys"] == [{"columns": ["station_id"], "references": stations}]
    columns = {column["name"]: column for column in bikes["columns"]}
    assert columns["price"] == {"name": "price", "type": "numeric(8,2)", "nullable": False, "comment": None}
    assert columns["parts"]["comment"] == "Serial numbers and wear by part, as JSON."
    assert columns["station_id"]["nullable"]


async def test_tells_the_values_of_an_enum_in_their_order(tool: Client):
    await sql("alter table rental.bikes add column seen rental.bike_state[]")
    await sql("grant select (seen) on rental.bikes to api_reader")
    columns = {column["name"]: column.get("values") for column in (await table(tool, "bikes"))["columns"]}
    assert columns["state"] == columns["seen"] == ["free", "rented", "repair", "lost"]
    assert columns["model"] is None


async def test_keeps_to_itself_what_the_read_login_may_not_see(tool: Client):
    members = await table(tool, "members")
    assert "pin_hash" not in [column["name"] for column in members["columns"]]
    assert "email" in [column["name"] for column in members["columns"]]
    found = (await tool("GET", "/db/schema")).json()["tables"]
    assert {table["schema"] for table in found} == {"rental"}


async def test_tells_views_too(tool: Client):
    assert (await table(tool, "city_income"))["kind"] == "view"


async def test_finds_a_text_in_names_and_comments_of_tables_and_columns(tool: Client):
    assert await names(tool, "?q=STATIONS") >= ["stations"]
    assert "bikes" in await names(tool, "?q=wear%20by%20part")
    assert "members" in await names(tool, "?q=invited_by")
    assert await names(tool, "?q=nothing%20of%20the%20kind") == []


async def test_keeps_to_one_schema(tool: Client):
    assert await names(tool, "?schema=rental") == await names(tool)
    assert await names(tool, "?schema=public") == []


async def test_pages_meet_without_gap_or_overlap(tool: Client):
    everything, place, found = await names(tool), "", []
    assert len(everything) > 5
    while True:
        page = (await tool("GET", f"/db/schema?limit=2{place}")).json()
        found += [table["name"] for table in page["tables"]]
        if page["next"] is None:
            break
        assert len(page["tables"]) == 2
        place = f"&cursor={page['next']}"
    assert found == everything


@pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?cursor=junk", "?limit=x"])
async def test_junk_is_a_400(tool: Client, query: str):
    assert (await tool("GET", f"/db/schema{query}")).status == 400


async def test_is_501_where_no_login_is_set_up(api: Client):
    found = await api("GET", "/db/schema")
    assert (found.status, found.json()["variables"]) == (501, ["DB_TOOL_READ_URL"])
