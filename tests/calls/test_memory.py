"""`call: embed`, `call: remember` and `call: recall`, alone and as steps of a run."""

from dataclasses import replace
from typing import Any

import pytest

from lib import calls, dsl, engine, store
from lib.dsl.faults import Fault
from tests.calls.conftest import CONTEXT
from tests.conftest import Configure
from tests.dbtool.models import embedding_model
from tests.documents import document
from tests.history import sql

pytestmark = pytest.mark.anyio


async def run(function: str, **arguments: Any) -> Any:
    return await calls.run(function, arguments, CONTEXT)


async def test_a_text_becomes_a_vector_and_several_become_several(configure: Configure):
    async with embedding_model(configure) as model:
        one, several = await run("embed", text="a b"), await run("embed", texts=["a", "b b"])
    assert (one["model"], len(one["vector"]), sum(one["vector"])) == ("vectors", 64, 2.0)
    assert [sum(vector) for vector in several["vectors"]] == [1.0, 2.0]
    assert model.embedded == ["a b", "a", "b b"]
    assert await run("embed", texts=[]) == {"vectors": [], "model": None}


async def test_what_was_remembered_is_recalled(database: str, configure: Configure):
    async with embedding_model(configure):
        kept = await run("remember", collection="notes", text="The key is under the mat.", metadata={"by": "ann"})
        await run("remember", collection="notes", key="bob", text="Bob likes tea.", metadata={"by": "bob"})
        found = await run("recall", collection="notes", query="where is the key?", limit=1)
        bobs = await run("recall", collection="notes", query="where is the key?", filter={"by": "bob"})
    assert kept["created"]
    assert [(memory["key"], memory["text"]) for memory in found] == [(kept["key"], "The key is under the mat.")]
    assert [set(memory) for memory in bobs] == [{"key", "text", "metadata", "score"}]
    assert bobs[0]["key"] == "bob"


async def test_without_a_model_words_are_enough(database: str, configure: Configure):
    await run("remember", collection="notes", text="Bob likes tea.")
    assert [memory["text"] for memory in await run("recall", collection="notes", query="tea?")] == ["Bob likes tea."]
    assert await run("recall", collection="other", query="tea?") == []


async def test_remembering_again_after_a_crash_keeps_one(database: str):
    first = await run("remember", collection="notes", text="once")
    again = await run("remember", collection="notes", text="once")
    assert (first["created"], again["created"], first["key"] == again["key"]) == (True, False, True)
    assert await sql("select count(*)::int from ratchet.memories") == [(1,)]


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("embed", {}, "either `text` or `texts`"),
        ("embed", {"text": "a", "texts": ["b"]}, "either `text` or `texts`"),
        ("embed", {"texts": ["a"] * 101}, "texts"),
        ("remember", {"collection": "a b", "text": "x"}, "collection"),
        ("remember", {"collection": "schema:1", "text": "x"}, "collection"),
        ("remember", {"collection": "a", "text": 5}, "text"),
        ("remember", {"collection": "a", "text": "s3cret\0"}, "text"),
        ("recall", {"collection": "a", "query": "q", "limit": 0}, "limit"),
        ("recall", {"collection": "a", "query": "q", "limit": 101}, "limit"),
        ("recall", {"collection": "a", "query": "q", "where": {}}, "where"),
    ],
)
async def test_a_wrong_argument_is_a_validation_error_that_names_it(
    configure: Configure, function: str, arguments: dict[str, Any], words: str
):
    configure()
    with pytest.raises(Fault) as caught:
        await calls.run(function, arguments, CONTEXT)
    assert (caught.value.status, caught.value.type.rpartition("/")[2]) == (400, "validation")
    assert words in (caught.value.detail or "")
    assert "s3cret" not in (caught.value.detail or "")


async def test_a_model_that_is_not_set_up_is_a_configuration_error_that_says_what_to_set(configure: Configure):
    configure()
    with pytest.raises(Fault, match="RATCHET_EMBEDDING_MODEL") as caught:
        await run("embed", text="a")
    assert caught.value.type.endswith("/configuration")


async def test_a_model_that_fails_or_is_slow_is_a_communication_error(configure: Configure):
    async with embedding_model(configure) as model:
        model.embeddings = lambda _: (500, {})
        with pytest.raises(Fault) as caught:
            await run("embed", text="a")
        assert (caught.value.status, caught.value.type.rpartition("/")[2]) == (502, "communication")
        model.embeddings = lambda _: None
        with pytest.raises(Fault, match="longer than"):
            await calls.run("embed", {"text": "a"}, replace(CONTEXT, timeout_seconds=0.2))


async def test_a_run_remembers_and_recalls(database: str, configure: Configure):
    tasks = [
        {"keep": {"call": "remember", "with": {"collection": "notes", "text": "${ .text }", "metadata": {"n": 1}}}},
        {"find": {"call": "recall", "with": {"collection": "notes", "query": "tea", "filter": "${ {n: 1} }"}}},
    ]
    definition = document(tasks)
    compiled = dsl.compile_document(definition, longest_effect_seconds=285)
    workflow, _ = await store.publish_workflow(
        "default", "test", "1.0.0", compiled.definition, compiled.type, compiled.hash
    )
    run_id = (await store.start_run(workflow.id, {"text": "Bob likes tea."}, "auto"))[0].id
    await engine.sweep(None)
    ended = await store.get_run(run_id)
    assert ended.status == "completed", ended.error
    assert [memory["text"] for memory in ended.result] == ["Bob likes tea."]
