"""The client of an OpenAI-compatible API, over real HTTP: what it sends, takes and refuses."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lib.dbtool import model
from lib.errors import ModelFailed, NotSetUp, RatchetError, Unavailable
from tests.conftest import Configure
from tests.dbtool.model_server import ModelServer, error, message

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret-key"
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
async def server(configure: Configure) -> AsyncIterator[ModelServer]:
    """A scripted server, which the settings lead to."""
    async with ModelServer() as running:
        configure(
            RATCHET_MODEL="small",
            RATCHET_MODEL_URL=running.url,
            RATCHET_MODEL_KEY=KEY,
            RATCHET_EMBEDDING_MODEL="vectors",
        )
        yield running


async def test_a_chat_is_asked_for_json_at_temperature_zero_with_the_key(server: ModelServer):
    server.script = [message("hi")]
    assert await model.chat(HELLO, seconds=5) == model.Reply("hi", "small", 12)
    [asked] = server.chats
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body == {
        "model": "small",
        "messages": HELLO,
        "temperature": 0,
        "response_format": {"type": "json_object"},
    }


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_that_does_not_know_these_options_is_asked_without_them(server: ModelServer, status: int):
    server.script = [error(status, "unsupported_parameter"), message("hi")]
    assert (await model.chat(HELLO, seconds=5)).text == "hi"
    assert server.chats[1].body == {"model": "small", "messages": HELLO}


@pytest.mark.parametrize(
    ("answer", "failure", "words"),
    [
        (error(401, text=f"wrong key {KEY}"), ModelFailed, "RATCHET_MODEL_KEY"),
        (error(403, code=KEY), ModelFailed, "refuses the key"),
        (error(404, "model_not_found"), ModelFailed, "RATCHET_MODEL_URL"),
        (error(429, "rate_limit_exceeded"), Unavailable, "too much to do (429 rate_limit_exceeded)"),
        (error(500), ModelFailed, "500 some_code"),
        (error(500, code="<b>not a word</b>"), ModelFailed, "an error (500)."),
        (error(302), ModelFailed, "302"),
        (b"<html>sorry</html>", ModelFailed, "JSON object"),
        (b"[1]", ModelFailed, "JSON object"),
        (b"[" * 100_000, ModelFailed, "JSON object"),
        (b"", ModelFailed, "JSON object"),
        ((200, {"choices": []}), ModelFailed, "without a message"),
        ((200, {"choices": [{"message": {"content": None}}]}), ModelFailed, "without a message"),
        ((200, {"choices": "x"}), ModelFailed, "without a message"),
        (b" " * (model.MAX_RESPONSE_BYTES + 1), ModelFailed, "larger than"),
    ],
)
async def test_what_is_no_answer_is_one_sentence_without_the_key(
    server: ModelServer, answer: Any, failure: type[RatchetError], words: str
):
    server.script = [answer]
    with pytest.raises(failure) as caught:
        await model.chat(HELLO, seconds=5)
    assert words in caught.value.detail
    assert KEY not in json.dumps(caught.value.problem("/db/ask"))


async def test_a_server_that_has_too_much_to_do_says_when_to_come_again(server: ModelServer):
    server.script, server.headers = [error(429)], {"retry-after": "17"}
    with pytest.raises(Unavailable) as caught:
        await model.chat(HELLO, seconds=5)
    assert caught.value.extra["retry_after"] == 17


async def test_a_slow_model_has_its_time_and_no_more(server: ModelServer):
    server.script = [None]
    with pytest.raises(ModelFailed, match=r"longer than 0\.2 s"):
        await model.chat(HELLO, seconds=0.2)


async def test_a_server_that_is_not_there_is_one_sentence(server: ModelServer, configure: Configure):
    configure(RATCHET_MODEL_URL="http://127.0.0.1:9")
    with pytest.raises(ModelFailed, match="cannot be reached"):
        await model.chat(HELLO, seconds=5)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"RATCHET_MODEL": "m"},  # the gateway's, without its key
        {"RATCHET_MODEL_KEY": "k"},
        {"RATCHET_MODEL_URL": "http://127.0.0.1:9"},
    ],
)
async def test_without_settings_the_error_names_them(configure: Configure, variables: dict[str, str]):
    configure(**variables)
    with pytest.raises(NotSetUp, match=r"RATCHET_MODEL, and RATCHET_MODEL_KEY.*AI_GATEWAY_API_KEY.*RATCHET_MODEL_URL"):
        await model.chat(HELLO, seconds=5)
    with pytest.raises(NotSetUp, match="RATCHET_EMBEDDING_MODEL"):
        await model.embed(["x"], seconds=5)


async def test_a_server_of_ones_own_needs_no_key(configure: Configure):
    async with ModelServer([message("hi")]) as server:
        configure(RATCHET_MODEL="m", RATCHET_MODEL_URL=server.url)
        await model.chat(HELLO, seconds=5)
    assert "authorization" not in server.chats[0].headers


async def test_vectors_come_in_the_order_of_their_texts(server: ModelServer):
    found = await model.embed(["one", "two two"], seconds=5)
    assert found.model == "vectors"
    assert [sum(vector) for vector in found.vectors] == [1.0, 2.0]
    assert server.asked[0].body == {"model": "vectors", "input": ["one", "two two"], "encoding_format": "float"}


async def test_many_texts_are_sent_in_small_batches_and_stay_in_order(server: ModelServer):
    found = await model.embed(["word " * number for number in range(1, 101)], seconds=5)
    assert [sum(vector) for vector in found.vectors] == list(range(1, 101))
    assert [len(asked.body["input"]) for asked in server.asked] == [32, 32, 32, 4]
    assert found.tokens == 12


async def test_all_batches_together_have_the_time(server: ModelServer):
    server.embeddings = lambda vectors: None if len(server.asked) > 1 else server.rows(vectors)
    with pytest.raises(ModelFailed, match="longer than"):
        await model.embed(["x"] * 40, seconds=0.3)


async def test_a_model_of_long_vectors_is_asked_for_shorter_ones(server: ModelServer):
    server.dimensions = 3072
    found = await model.embed(["one"], seconds=5, dimensions=1536)
    assert len(found.vectors[0]) == 1536
    server.obeys_dimensions = False
    with pytest.raises(ModelFailed, match="3072 numbers; the limit is 1536"):
        await model.embed(["one"], seconds=5, dimensions=1536)


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 0, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}],
        [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}],
        [{"index": 0, "embedding": ["x"]}, {"index": 1, "embedding": [1.0]}],
        [{"index": 0, "embedding": [float("nan")]}, {"index": 1, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1e39]}, {"index": 1, "embedding": [1.0]}],
        "nothing",
        None,
    ],
)
async def test_what_is_not_one_vector_for_each_text_is_refused(server: ModelServer, data: Any):
    server.embeddings = lambda _: (200, {"data": data})
    with pytest.raises(ModelFailed, match="vector"):
        await model.embed(["one", "two"], seconds=5)
