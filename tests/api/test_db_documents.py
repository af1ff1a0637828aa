"""POST and GET /db/documents: texts are kept under their keys and found by meaning and by words."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lib import db, store
from lib.dev.postgres import Server
from lib.migrate import migrate, why_no_vectors
from tests.api.client import Client
from tests.call import Answer
from tests.conftest import Configure
from tests.dbtool.models import embedding_model
from tests.history import sql

pytestmark = pytest.mark.anyio

ANIMALS = [
    {"key": "cat", "text": "A cat sleeps on the warm stove.", "metadata": {"legs": 4, "at": ["home"]}},
    {"key": "owl", "text": "The owl hunts mice at night.", "metadata": {"legs": 2, "at": ["barn", "home"]}},
    {"key": "eel", "text": "Eels swim up the rivers.", "metadata": {"legs": 0}},
]


async def keep(api: Client, *documents: dict[str, Any], collection: str = "animals") -> Answer:
    return await api("POST", "/db/documents", json={"collection": collection, "documents": list(documents)})


async def find(api: Client, query: str, **parameters: str) -> dict[str, Any]:
    rest = "".join(f"&{name}={quote(value)}" for name, value in parameters.items())
    answer = await api("GET", f"/db/documents?collection=animals&q={quote(query)}{rest}")
    assert answer.status == 200, answer.body
    return answer.json()


def keys(answer: dict[str, Any]) -> list[str]:
    return [document["key"] for document in answer["documents"]]


async def test_documents_are_created_once_and_replaced_by_key(api: Client):
    first = await keep(api, *ANIMALS)
    assert (first.status, [kept["created"] for kept in first.json()["documents"]]) == (201, [True] * 3)
    again = await keep(api, {**ANIMALS[0], "text": "A cat."})
    assert (again.status, again.json()["documents"]) == (200, [{"key": "cat", "created": False}])
    found = await api("GET", "/db/documents?collection=animals")
    assert {document["key"]: document["text"] for document in found.json()["documents"]}["cat"] == "A cat."


async def test_a_text_without_a_key_has_its_hash_for_one(api: Client):
    first, second = await keep(api, {"text": "the same"}), await keep(api, {"text": "the same"})
    assert first.json()["documents"][0]["created"]
    assert second.json()["documents"] == [{**first.json()["documents"][0], "created": False}]


async def test_a_collection_is_listed_newest_first_page_by_page(api: Client):
    for number in range(5):
        await keep(api, {"key": f"k{number}", "text": "x"})
    await keep(api, {"key": "other", "text": "x"}, collection="plants")
    seen, cursor = [], ""
    while cursor is not None:
        page = (await api("GET", f"/db/documents?collection=animals&limit=2{cursor}")).json()
        seen += keys(page)
        cursor = page["next"] and f"&cursor={page['next']}"
    assert seen == ["k4", "k3", "k2", "k1", "k0"]


async def test_without_a_model_words_alone_rank(api: Client):
    await keep(api, *ANIMALS)
    found = await find(api, "which animal hunts a mouse, or mice?")
    assert (found["ranking"], keys(found)) == ("text", ["owl"])
    assert keys(await find(api, "river")) == ["eel"]  # stemmed
    assert keys(await find(api, "the and of")) == []


async def test_with_a_model_meaning_and_words_rank_together(api: Client, configure: Configure):
    async with embedding_model(configure) as model:
        await keep(api, *ANIMALS)
        assert model.embedded == [animal["text"] for animal in ANIMALS]
        found = await find(api, "the warm stove")
    assert (found["ranking"], keys(found)[0]) == ("hybrid", "cat")
    assert sorted(keys(found)) == ["cat", "eel", "owl"]  # the nearest are found even where no word is shared
    scores = [document["score"] for document in found["documents"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(2 / 61)  # first in both rankings
    assert scores[-1] < 1 / 60


async def test_documents_of_another_model_are_found_by_their_words_alone(api: Client, configure: Configure):
    async with embedding_model(configure):
        await keep(api, ANIMALS[0])
        configure(RATCHET_EMBEDDING_MODEL="another")
        await keep(api, ANIMALS[1])
        assert keys(await find(api, "fish")) == ["owl"]
        assert sorted(keys(await find(api, "stove"))) == ["cat", "owl"]


async def test_a_filter_is_metadata_that_they_contain(api: Client, configure: Configure):
    everything = "cat owl eels night stove rivers"
    async with embedding_model(configure):
        await keep(api, *ANIMALS)
        assert keys(await find(api, everything, filter=json.dumps({"legs": 2}))) == ["owl"]
        assert sorted(keys(await find(api, everything, filter=json.dumps({"at": ["home"]})))) == ["cat", "owl"]
        assert keys(await find(api, everything, filter=json.dumps({"legs": 9}))) == []


async def test_a_filter_finds_the_few_among_many_that_are_nearer(api: Client, configure: Configure):
    crowd = [{"key": f"c{number}", "text": "near near near", "metadata": {"kind": "crowd"}} for number in range(100)]
    async with embedding_model(configure):
        for batch in range(4):
            await keep(api, *({**each, "key": f"{batch}{each['key']}"} for each in crowd))
        await keep(api, {"key": "one", "text": "far away from here", "metadata": {"kind": "one"}})
        await sql("analyze ratchet.memories")
        assert keys(await find(api, "near", filter='{"kind": "one"}')) == ["one"]


async def test_vectors_that_are_filled_up_keep_their_distances(database: str):
    near, far = store.NewMemory("near", "x", {}, [0.6, 0.8]), store.NewMemory("far", "y", {}, [-0.8, 0.6])
    await store.remember("c", [near, far], "m")
    found = await store.recall("c", "zzz", embedding=[0.6, 0.8], model="m", limit=5)
    assert [memory.key for memory in found] == ["near", "far"]
    [(length,)] = await sql("select vector_norm(embedding) from ratchet.memories where key = 'near'")
    assert length == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"text": ""}, "/documents/0/text"),
        ({"text": "a\0b"}, "/documents/0/text"),
        ({"text": "x" * (100 * 1024 + 1)}, "/documents/0/text"),
        ({"key": ""}, "/documents/0/key"),
        ({"key": "k" * 201}, "/documents/0/key"),
        ({"metadata": []}, "/documents/0/metadata"),
        ({"metadata": {"a": "\0"}}, "/documents/0/metadata"),
        ({"metadata": {"a": "x" * 20_000}}, "/documents/0/metadata"),
        ({"embedding": [1]}, "/documents/0/embedding"),
    ],
)
async def test_what_cannot_be_kept_is_pointed_at(api: Client, change: dict[str, Any], pointer: str):
    answer = await keep(api, {"text": "x", **change})
    assert answer.status == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_what_looks_like_an_escape_is_a_text_like_any_other(api: Client):
    assert (await keep(api, {"text": "x", "metadata": {"path": "C:\\u0000"}})).status == 201


@pytest.mark.parametrize("collection", ["", "a b", "schema:x", "-x", "x" * 101])
async def test_a_collection_has_a_plain_name(api: Client, collection: str):
    assert (await keep(api, {"text": "x"}, collection=collection)).status == 422


async def test_a_call_has_a_hundred_documents_at_most_and_no_key_twice(api: Client):
    assert (await keep(api, *({"text": f"{number}"} for number in range(101)))).status == 422
    assert (await keep(api)).status == 422
    assert (await keep(api, {"text": "same"}, {"text": "same"})).status == 422


@pytest.mark.parametrize(
    "query",
    ["", "collection=", "collection=a&q=x&filter=[]", "collection=a&q=x&filter={", "collection=a&limit=0",
     "collection=a&cursor=abc", "collection=a&cursor=WyJ4IiwieSJd", "collection=a&filter={}", "collection=a&q="],
)  # fmt: skip
async def test_a_query_that_cannot_be_read_is_a_bad_request(api: Client, query: str):
    assert (await api("GET", f"/db/documents?{query}")).status == 400


async def test_reading_and_writing_need_their_own_scopes(api: Client, configure: Configure):
    configure(RATCHET_API_KEYS=json.dumps({"reader": ["db:read"], "writer": ["db:write"]}))
    reader, writer = Client(authorization="Bearer reader"), Client(authorization="Bearer writer")
    assert (await keep(writer, {"text": "x"})).status == 201
    assert (await keep(reader, {"text": "x"})).status == 403
    assert (await reader("GET", "/db/documents?collection=animals")).status == 200
    assert (await writer("GET", "/db/documents?collection=animals")).status == 403


async def test_a_model_that_fails_keeps_nothing_and_says_so(api: Client, configure: Configure):
    async with embedding_model(configure) as model:
        model.embeddings = lambda _: (500, {})
        assert (await keep(api, {"text": "x"})).status == 502
    assert (await api("GET", "/db/documents?collection=animals")).json()["documents"] == []


@pytest.fixture
async def plain(server: Server, api: Client) -> AsyncIterator[str]:
    """The URL of an empty database, by an owner who may not create extensions."""
    url = server.create_database("plain")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create role plain_owner login password 'x' nosuperuser")
        conn.execute("alter database plain owner to plain_owner")
    yield make_conninfo(url, user="plain_owner", password="x")
    await db.close()
    server.drop_database("plain")
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute("drop role plain_owner")


async def test_without_the_extension_documents_say_what_is_missing_and_all_else_works(
    plain: str, api: Client, configure: Configure
):
    await migrate(plain)
    assert await migrate(plain) == []
    assert await why_no_vectors(plain) == "this login may not create the extension pgvector"
    configure(DATABASE_URL=plain)
    for answer in (
        await keep(api, {"text": "x"}),
        await api("GET", "/db/documents?collection=animals"),
        await api("GET", "/db/documents?collection=animals&q=x"),
    ):
        assert answer.status == 501
        assert "create extension vector" in answer.json()["detail"]
    assert (await api("GET", "/workflows")).status == 200
    assert (await api("GET", "/health")).status == 200


async def test_an_extension_that_came_later_or_stands_elsewhere_is_found(
    server: Server, plain: str, api: Client, configure: Configure
):
    await migrate(plain)
    with psycopg.connect(server.url("plain"), autocommit=True) as conn:
        conn.execute("create schema extensions")
        conn.execute("create extension vector schema extensions")
        conn.execute("grant usage on schema extensions to plain_owner")
    assert await migrate(plain) == []
    assert await why_no_vectors(plain) is None
    configure(DATABASE_URL=plain)
    async with embedding_model(configure):
        assert (await keep(api, *ANIMALS)).status == 201
        assert keys(await find(api, "stove", filter='{"legs": 4}')) == ["cat"]
