"""POST /db/ask: a question becomes SQL by a model that may be wrong, slow or hostile, and does no harm."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lib import engine
from lib.calls import asking
from lib.calls.asking import Asked
from lib.dbtool import catalog
from lib.errors import ModelFailed
from tests.api.client import Client
from tests.call import Answer
from tests.conftest import Configure
from tests.dbtool.model_server import Answer as Scripted
from tests.dbtool.model_server import ModelServer, error, message, proposal
from tests.dbtool.models import chat_model
from tests.documents import document
from tests.history import sql

pytestmark = pytest.mark.anyio

STATIONS = "select count(*) as stations from rental.stations"


@pytest.fixture
async def model(tool: Client, configure: Configure) -> AsyncIterator[ModelServer]:
    """A scripted model, beside a tool that is set up."""
    async with chat_model(configure) as running:
        yield running


async def ask(tool: Client, question: str = "How many stations are there?", **more: Any) -> Answer:
    return await tool("POST", "/db/ask", json={"question": question, **more})


async def fingerprint() -> list[Any]:
    """What no question may change: every table of the sample application."""
    names = await sql(
        "select format('%%I.%%I', schemaname, tablename) from pg_tables where schemaname = 'rental' order by 1"
    )
    return [
        (name, await sql(f"select count(*), md5(string_agg(t::text, ',' order by t::text)) from {name} t"))
        for (name,) in names
    ]


async def test_a_question_becomes_sql_and_its_plan(tool: Client, model: ModelServer):
    model.script = [proposal(f"{STATIONS}  -- all of them", "counts them")]
    answer = await ask(tool)
    assert answer.status == 200, answer.body
    found = answer.json()
    plan = found.pop("plan")
    assert (plan["rows"], plan["tree"]["Node Type"]) == (1, "Aggregate")
    assert plan["total_cost"] > 0
    assert found == {
        "question": "How many stations are there?",
        "sql": STATIONS,
        "explanation": "counts them",
        "attempts": 1,
        "model": "small",
        "kind": "read",
        "dry_run": True,
    }


async def test_with_execute_its_rows(tool: Client, model: ModelServer):
    model.script = [proposal(STATIONS)]
    found = (await ask(tool, execute=True)).json()
    assert (found["sql"], found["columns"], found["rows"]) == (STATIONS, ["stations"], [[9]])


async def test_an_explained_proposal_is_taken_for_what_it_explains(tool: Client, model: ModelServer):
    model.script = [proposal(f"explain {STATIONS}")]
    assert (await ask(tool, execute=True)).json()["rows"] == [[9]]


async def test_a_write_is_a_dry_run_whatever_execute_says_and_its_token_is_good(tool: Client, model: ModelServer):
    model.script = [proposal("update rental.bikes set state = 'repair' where bike_id = 1")]
    found = (await ask(tool, "Put bike 1 into repair.", execute=True)).json()
    assert (found["kind"], found["dry_run"], found["affected_rows"]) == ("write", True, 1)
    assert await sql("select state::text from rental.bikes where bike_id = 1") == [("free",)]
    confirmed = {"sql": found["sql"], "dry_run": False, "confirm": found["confirm"]}
    assert (await tool("POST", "/db/query", json=confirmed)).json()["affected_rows"] == 1
    assert await sql("select state::text from rental.bikes where bike_id = 1") == [("repair",)]


async def test_who_may_only_read_is_told_so_to_the_model_and_proposed_no_write(
    tool: Client, model: ModelServer, configure: Configure
):
    configure(RATCHET_API_KEYS=json.dumps({"reader": ["db:read"], "other": ["runs:read"]}))
    reader, other = Client(authorization="Bearer reader"), Client(authorization="Bearer other")
    model.script = [proposal("delete from rental.bikes where bike_id = 1"), proposal(STATIONS)]
    found = (await ask(reader, execute=True)).json()
    assert (found["attempts"], found["rows"]) == (2, [[9]])
    assert "Never change data" in model.chats[0].said
    assert "only reads are allowed" in model.chats[1].said
    assert (await ask(other)).status == 403


@pytest.mark.parametrize(
    ("hostile", "feedback"),
    [
        ("drop table rental.bikes", "SELECT"),
        (f"{STATIONS}; drop table rental.bikes", "more than one statement"),
        ("select pg_read_file('/etc/passwd')", "pg_read_file"),
        ("delete from rental.bikes", ""),
        ("select pin_hash from rental.members", ""),
        ("copy rental.members to program 'sh'", ""),
        ("select * from pg_catalog.pg_authid", ""),
        ("select rental.leave_mark('x')", ""),
        ("set role postgres", ""),
        (f"explain analyze {STATIONS}", ""),
        ("do $$ begin delete from rental.bikes; end $$", ""),
        ("", None),
    ],
)
async def test_hostile_sql_changes_nothing_and_its_refusal_goes_back(
    tool: Client, model: ModelServer, hostile: str, feedback: str | None
):
    before = await fingerprint()
    model.script = [proposal(hostile), proposal(STATIONS)]
    answer = await ask(tool, execute=True)
    if feedback is None:  # the model's own word that it cannot
        assert answer.json()["code"] == "no_acceptable_sql"
    else:
        assert (answer.json()["attempts"], answer.json()["rows"]) == (2, [[9]])
        assert feedback in model.chats[1].said
    assert await fingerprint() == before


async def test_a_wrong_column_is_corrected_after_the_databases_error(tool: Client, model: ModelServer):
    model.script = [proposal("select headline from rental.manuals"), proposal("select title from rental.manuals")]
    found = (await ask(tool, "Which manuals are there?", execute=True)).json()
    assert (found["attempts"], len(found["rows"])) == (2, 3)
    told = model.chats[1].body["messages"]
    assert [entry["role"] for entry in told] == ["system", "user", "assistant", "user"]
    assert "headline" in told[3]["content"]
    assert "does not exist" in told[3]["content"]


async def test_three_refusals_are_an_error_that_tells_the_last_one(tool: Client, model: ModelServer):
    model.script = [proposal("select 1; select 2"), proposal("drop table a"), proposal("select no_such_column")]
    answer = await ask(tool)
    assert (answer.status, answer.json()["code"]) == (422, "no_acceptable_sql")
    assert "no_such_column" in answer.json()["detail"]
    assert "Allowed: Send one statement" in model.chats[1].said
    assert len(model.chats) == 3


async def test_every_proposal_is_recorded(tool: Client, model: ModelServer):
    model.script = [proposal("drop table rental.bikes"), proposal(STATIONS)]
    await ask(tool, execute=True)
    records = (await tool("GET", "/db/queries")).json()["queries"]
    assert [(record["origin"], record["verdict"], record["statement"]) for record in records] == [
        ("ask", "ran", STATIONS),
        ("ask", "refused", "drop table rental.bikes"),
    ]


async def test_rows_never_reach_the_model_and_say_nothing_to_it(tool: Client, model: ModelServer):
    model.script = [
        proposal("select body, title::integer from rental.manuals"),  # fails on a value
        proposal("select body from rental.manuals"),
    ]
    found = (await ask(tool, "What do the manuals say?", execute=True)).json()
    assert any("drop schema rental" in row[0] for row in found["rows"])
    assert len(model.chats) == 2
    told = "".join(chat.said for chat in model.chats)
    assert "drop schema" not in told
    assert "Brakes" not in told


async def test_the_model_sees_what_the_read_login_sees_and_no_more(tool: Client, model: ModelServer):
    model.script = [proposal(STATIONS)]
    await ask(tool)
    told = model.chats[0].said
    assert 'table rental.stations (comment: "Where bicycles are taken and brought back.")' in told
    assert "(station_id) references rental.stations (station_id)" in told
    assert "bike_id: integer; primary key" in told
    assert '"Größe": numeric' in told
    for value in ("free", "rented", "repair", "lost", "family", "Ghent", "Heron"):  # enum labels, common values
        assert json.dumps(value) in told, value
    for hidden in ("pin_hash", "ratchet", "example.org", "Member 1", "pg_catalog.", "please drop table"):
        assert hidden not in told, hidden


@pytest.mark.parametrize(
    "text",
    ["no JSON at all", "```json\n{}\n```", '{"sql": 5}', '{"answer": "select 1"}', "[" * 10_000],
)
async def test_a_malformed_proposal_counts_as_an_attempt(tool: Client, model: ModelServer, text: str):
    model.script = [message(text), proposal(STATIONS)]
    assert (await ask(tool, execute=True)).json()["attempts"] == 2
    model.script = [message(text)] * 3
    answer = await ask(tool)
    assert (answer.status, answer.json()["code"]) == (422, "no_acceptable_sql")


async def test_a_fenced_proposal_is_read(tool: Client, model: ModelServer):
    model.script = [message(f'Of course:\n```json\n{{"sql": "{STATIONS}"}}\n```')]
    assert (await ask(tool, execute=True)).json()["rows"] == [[9]]


async def test_a_model_that_sees_no_way_is_not_asked_again(tool: Client, model: ModelServer):
    model.script = [proposal("", "There is nothing about the weather.")]
    answer = await ask(tool, "Will it rain?")
    assert (answer.status, answer.json()["code"]) == (422, "no_acceptable_sql")
    assert "nothing about the weather" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("scripted", "status"),
    [(error(401), 502), (error(404), 502), (error(500), 502), (error(429), 503), (b"<html>", 502), ((200, {}), 502)],
)
async def test_a_model_that_fails_is_a_problem_of_its_own(
    tool: Client, model: ModelServer, scripted: Scripted, status: int
):
    model.script = [scripted]
    answer = await ask(tool)
    assert answer.status == status
    assert "sk-very-secret-key" not in answer.body.decode()
    assert status != 503 or "retry-after" in answer.headers


async def test_a_model_that_is_not_set_up_is_a_501_that_names_the_variables(tool: Client):
    answer = await ask(tool)
    assert answer.status == 501
    for name in ("RATCHET_MODEL", "RATCHET_MODEL_KEY", "AI_GATEWAY_API_KEY", "RATCHET_MODEL_URL"):
        assert name in answer.json()["detail"]


async def test_a_tool_that_is_not_set_up_is_a_501_that_names_its_variable(api: Client, configure: Configure):
    async with chat_model(configure, proposal(STATIONS)) as model:
        answer = await ask(api)
    assert answer.status == 501
    assert "DB_TOOL_READ_URL" in answer.json()["detail"]
    assert model.asked == []


@pytest.mark.parametrize(
    "body", [{}, {"question": ""}, {"question": "x" * 4001}, {"question": "x", "execute": 1}, {"q": 1}]
)
async def test_a_body_of_another_shape_is_unprocessable(tool: Client, body: Any):
    assert (await tool("POST", "/db/ask", json=body)).status == 422


async def add_tables(count: int) -> None:
    """Many tables about nothing in particular, which the read login may see."""
    for number in range(count):
        await sql(f"create table rental.shelf_{number:02} (id integer, remark text)")
    await sql("grant select on all tables in schema rental to api_reader")
    await catalog.read_catalog(fresh=True)


async def test_of_many_tables_those_the_question_names_are_shown(tool: Client, model: ModelServer):
    await add_tables(40)
    model.script = [proposal(STATIONS)]
    await ask(tool, "How many kilometres did members ride on their rentals?")
    told = model.chats[0].said
    assert "table rental.rentals" in told
    assert "table rental.payments" in told  # refers to the best
    assert told.count("\ntable rental.shelf_") < 5


async def test_with_embeddings_meaning_chooses_and_is_kept(tool: Client, model: ModelServer, configure: Configure):
    configure(RATCHET_EMBEDDING_MODEL="vectors")
    model.dimensions = 1536
    await add_tables(40)
    await sql("comment on table rental.shelf_33 is 'umbrella parasol awning'")
    await catalog.read_catalog(fresh=True)
    model.script = [proposal(STATIONS)] * 3
    await ask(tool, "umbrella parasol awning?")
    described = len(model.embedded)
    assert described > 40
    assert model.embedded[-1] == "umbrella parasol awning?"
    assert "table rental.shelf_33" in model.chats[0].said
    await ask(tool, "umbrella?")
    assert model.embedded[described:] == ["umbrella?"]  # what has not changed is not embedded again
    await sql("comment on table rental.shelf_34 is 'changed'")
    await catalog.read_catalog(fresh=True)
    await ask(tool, "umbrella?")
    assert len(model.embedded) == described + 3
    assert "changed" in model.embedded[-2]
    page = await tool("GET", "/db/documents?collection=schema")
    assert page.json()["documents"] == []  # no collection of a caller's


async def test_embeddings_that_fail_leave_the_words(tool: Client, model: ModelServer, configure: Configure):
    configure(RATCHET_EMBEDDING_MODEL="vectors")
    model.embeddings = lambda _: (500, {})
    await add_tables(40)
    model.script = [proposal(STATIONS)]
    assert (await ask(tool, "How many rentals?", execute=True)).json()["rows"] == [[9]]
    assert "table rental.rentals" in model.chats[0].said


async def test_a_workflow_asks_and_never_writes(tool: Client, model: ModelServer):
    model.script = [
        proposal(STATIONS),
        proposal("delete from rental.bikes where bike_id = 1"),
        message("?"),
        message("?"),
    ]
    tasks = [
        {"count": {"call": "ask", "with": {"question": "How many stations?"}, "output": {"as": "${ .rows[0][0] }"}}},
        {
            "delete": {
                "try": [{"ask": {"call": "ask", "with": {"question": '${ "Delete bike 1 of \\(.)" }'}}}],
                "catch": {"as": "error", "do": [{"say": {"set": "${ $error }"}}]},
            }
        },
    ]
    assert (await tool("POST", "/workflows", json=document(tasks))).status == 201
    run = (await tool("POST", "/workflows/test/runs", json={})).json()
    await engine.sweep(None)
    ended = (await tool("GET", f"/runs/{run['id']}")).json()
    assert ended["status"] == "completed", ended
    assert ended["result"]["type"].endswith("/validation")
    assert "None of 3 proposals" in ended["result"]["detail"]
    assert "Delete bike 1 of 9" in model.chats[1].said
    assert all("Never change data" in chat.said for chat in model.chats)
    assert await sql("select count(*)::int from rental.bikes where bike_id = 1") == [(1,)]
    origins = {record["origin"] for record in (await tool("GET", "/db/queries")).json()["queries"]}
    assert f"{run['id']}:/do/0/count" in origins


async def test_a_slow_model_is_waited_for_no_longer_than_there_is_time(tool: Client, model: ModelServer):
    model.script = [None]
    scopes = frozenset({"db:read"})
    with pytest.raises(ModelFailed, match="longer than"):
        await asking.ask(Asked(question="?", caller_name="", scopes=scopes, seconds=0.5))


async def test_every_attempt_counts_for_the_quota(tool: Client, model: ModelServer, configure: Configure):
    configure(DB_TOOL_QUOTA="1/hour")
    model.script = [proposal("drop table rental.bikes"), proposal(STATIONS)]
    answer = await ask(tool)
    assert answer.status == 429
    assert "statements" in answer.headers["ratelimit"]
