"""Each limit of what is sent in holds to the byte: what reaches it is taken, what passes it is told the number."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lib.dsl import limits, load_document
from lib.http import cloud_events, queries
from lib.http.request import MAX_BODY_BYTES
from lib.json_text import MAX_DEPTH, MAX_DIGITS
from tests.api.client import Client
from tests.api.conftest import Publish
from tests.call import Answer
from tests.conftest import Configure
from tests.documents import document
from tests.mailroom import event

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}
SET = {"set": {"x": 1}}

type Make = Callable[[int], Any]


async def validate(api: Client, definition: Any, media_type: str = "application/json") -> Answer:
    body = definition if isinstance(definition, bytes) else json.dumps(definition).encode()
    return await api("POST", "/workflows?dry_run=true", body=body, headers={"content-type": media_type})


def nested(levels: int) -> dict[str, Any]:
    """A document so deep: itself, `do`, a task, its body and `set` are five."""
    value: Any = 1
    for _ in range(levels - 5):
        value = [value]
    return document([{"a": {"set": value if isinstance(value, dict) else {"x": value}}}])


def sized(count: int) -> dict[str, Any]:
    """A document of so many bytes as JSON."""
    empty = document([{"a": {"set": {"x": ""}}}])
    empty["do"][0]["a"]["set"]["x"] = "x" * (count - len(json.dumps(empty)))
    return empty


def named(count: int) -> dict[str, Any]:
    """A document whose longest reference, `/do/0/a/do/0/…`, has so many bytes, each letter two of them."""
    odd, pairs = (count - len("/do/0/a/do/0/")) % 2, (count - len("/do/0/a/do/0/")) // 2
    return document([{"a": {"do": [{"é" * pairs + "x" * odd: SET}]}}])


def called(count: int) -> dict[str, Any]:
    """The same, of a task that only a function brings there."""
    there = len("/do/0/a/use/functions/f/do/0/")
    use = {"functions": {"f": {"do": [{"x" * (count - there): SET}]}}}
    return document([{"a": {"call": "f"}}], use=use)


def extended(count: int) -> dict[str, Any]:
    """The same, of one that an extension brings."""
    there = len("/do/0/a/use/extensions/0/e/after/0/")
    use = {"extensions": [{"e": {"extend": "set", "after": [{"x" * (count - there): SET}]}}]}
    return document([{"a": SET}], use=use)


def versioned(count: int) -> dict[str, Any]:
    made = document([{"a": SET}])
    made["document"]["version"] = "1.0.0-" + "a" * (count - len("1.0.0-"))
    return made


def with_name(count: int) -> dict[str, Any]:
    return document([{"a": SET}], "n" * count)


def chained(count: int) -> dict[str, Any]:
    """Functions that call each other so deep."""
    chain = {f"f{n}": {"call": f"f{n + 1}"} for n in range(count - 1)} | {f"f{count - 1}": SET}
    return document([{"a": {"call": "f0"}}], use={"functions": chain})


def multiplied(count: int) -> dict[str, Any]:
    """So many tasks with those that a function adds: 200 of them, and itself, for each call."""
    calls, alone = divmod(count, 202)
    use = {"functions": {"f": {"do": [{f"t{n}": SET} for n in range(200)]}}}
    tasks = [{f"c{n}": {"call": "f"}} for n in range(calls)] + [{f"a{n}": SET} for n in range(alone)]
    return document(tasks, use=use)


def listening(count: int) -> dict[str, Any]:
    return document([{"a": {"listen": {"to": {"one": {"with": {"type": "é" * (count // 2) + "x" * (count % 2)}}}}}}])


def emitting(count: int) -> dict[str, Any]:
    about = {"source": "/" + "x" * (count - 1), "type": "sold"}
    return document([{"a": {"emit": {"event": {"with": about}}}}])


DOCUMENTS: list[tuple[str, int, Make, str]] = [
    ("depth", limits.DOCUMENT_DEPTH, nested, "64 levels"),
    ("bytes", limits.DOCUMENT_BYTES, sized, "at most 1048576 bytes as JSON, this has 1048577"),
    ("tasks", limits.DOCUMENT_TASKS, lambda n: document([{f"t{i}": SET} for i in range(n)]), "1000 tasks"),
    ("expanded tasks", limits.EXPANDED_TASKS, multiplied, "5000 tasks"),
    ("functions", limits.FUNCTION_DEPTH, chained, "20 levels"),
    ("reference", limits.REFERENCE_BYTES, named, "at most 2000 bytes, and here one has 2001"),
    ("reference in a function", limits.REFERENCE_BYTES, called, "at most 2000 bytes, and here one has 2001"),
    ("reference in an extension", limits.REFERENCE_BYTES, extended, "at most 2000 bytes, and here one has 2001"),
    ("version", limits.VERSION_CHARACTERS, versioned, "at most 255 characters, but has 256"),
    ("name", 63, with_name, "63 letters"),
    (
        "expressions",
        limits.DOCUMENT_EXPRESSIONS,
        lambda n: document([{"a": {"set": {"x": ["${ .x }"] * n}}}]),
        "2000 expressions",
    ),
    (
        "expression",
        limits.EXPRESSION_CHARACTERS,
        lambda n: document([{"a": {"set": {"x": '${ "' + "a" * (n - 2) + '" }'}}}]),
        "10000",
    ),
    ("type of an event that is waited for", limits.EVENT_NAME_BYTES, listening, "at most 1000 bytes, but has 1001"),
    ("source of an event that is emitted", limits.EVENT_NAME_BYTES, emitting, "at most 1000 bytes, but has 1001"),
    ("wait", 36_500, lambda n: document([{"a": {"wait": {"days": n}}}]), "36500 days"),
    (
        "delay of a retry",
        36_500,
        lambda n: document([{"a": {"try": [{"b": SET}], "catch": {"retry": {"delay": {"days": n}}}}}]),
        "36500 days",
    ),
    (
        "timeout of a call",
        290,
        lambda n: document(
            [
                {
                    "a": {
                        "call": "http",
                        "with": {"method": "get", "endpoint": "https://a.b"},
                        "timeout": {"after": f"PT{n}S"},
                    }
                }
            ]
        ),
        "at most 290 seconds here, but its timeout is 291",
    ),
]


@pytest.mark.parametrize(("most", "make", "says"), [pytest.param(*rest, id=name) for name, *rest in DOCUMENTS])
async def test_a_document_is_taken_up_to_its_limits(api: Client, most: int, make: Make, says: str):
    taken = await validate(api, make(most))
    assert taken.status == 200, taken.body[:500]
    refused = await validate(api, make(most + 1))
    assert refused.status == 422
    assert says in refused.json()["errors"][0]["detail"]


async def test_the_longest_names_there_may_be_are_published_run_and_kept(api: Client, configure: Configure):
    """What the indexes have no room for would be a crash here, and not a refusal."""
    definition = named(limits.REFERENCE_BYTES)
    definition["document"] |= {
        "namespace": "s" * 63,
        "name": "n" * 63,
        "version": versioned(255)["document"]["version"],
    }
    definition["do"][0]["a"]["do"][0] = {
        next(iter(definition["do"][0]["a"]["do"][0])): {"call": "slug", "with": {"text": "A"}}
    }
    published = await api("POST", "/workflows", json=definition)
    assert published.status == 201, published.body
    run = (await api("POST", f"/workflows/{published.json()['id']}/runs", json={})).json()
    assert (await api("GET", "/sweep")).json()["completed"] == 1
    [step] = (await api("GET", f"/runs/{run['id']}/steps")).json()["steps"]
    assert len(step["reference"].encode()) == limits.REFERENCE_BYTES


@pytest.mark.parametrize("make", [named, called, extended])
def test_the_reference_that_is_measured_is_the_one_that_is_made(make: Make):
    assert max(len(name.encode()) for name in load_document(make(1000)).tasks) == 1000


async def test_yaml_is_taken_up_to_its_limit(api: Client):
    text = json.dumps(document([{"a": SET}])).encode()
    for more, status in ((0, 200), (1, 422)):
        padded = text + b" " * (limits.YAML_BYTES - len(text) + more)
        found = await validate(api, padded, "application/yaml")
        assert found.status == status, found.body
    assert str(limits.YAML_BYTES) in str(found.json())


async def test_a_body_is_taken_up_to_its_limit(api: Client, publish: Publish):
    await publish()
    text = b'{"input": 1}'
    for more, status in ((0, 202), (1, 413)):
        body = text + b" " * (MAX_BODY_BYTES - len(text) + more)
        found = await api("POST", "/workflows/test/runs", body=body, headers=JSON)
        assert found.status == status, found.body
    assert found.json()["limit"] == MAX_BODY_BYTES


async def test_an_input_is_taken_up_to_its_depth_and_digits(api: Client, publish: Publish):
    await publish()
    deep = [b'{"input":' + b"[" * n + b"]" * n + b"}" for n in (MAX_DEPTH - 1, MAX_DEPTH)]
    long = [b'{"input":' + b"9" * n + b"}" for n in (MAX_DIGITS, MAX_DIGITS + 1)]
    for (fits, passes), number in ((deep, MAX_DEPTH), (long, MAX_DIGITS)):
        assert (await api("POST", "/workflows/test/runs", body=fits, headers=JSON)).status == 202
        refused = await api("POST", "/workflows/test/runs", body=passes, headers=JSON)
        assert refused.status == 422
        assert str(number) in refused.json()["detail"]


@pytest.mark.parametrize("name", ["source", "id", "type"])
async def test_the_names_of_an_event_are_taken_up_to_their_limit(api: Client, name: str):
    most = cloud_events.MAX_BYTES[name]
    headers = {"content-type": cloud_events.ONE}
    for more, status in ((0, 202), (1, 422)):
        sent = {**event("e"), name: "é" * (most // 2) + "x" * more}
        found = await api("POST", "/events", body=json.dumps(sent).encode(), headers=headers)
        assert found.status == status, found.body
    assert f"{most} bytes" in found.json()["errors"][0]["detail"]


async def test_a_batch_is_taken_up_to_its_limit(api: Client):
    headers = {"content-type": cloud_events.BATCH}
    for count, status in ((cloud_events.MAX_BATCH, 202), (cloud_events.MAX_BATCH + 1, 422)):
        events = [event(f"e{number}") for number in range(count)]
        found = await api("POST", "/events", body=json.dumps(events).encode(), headers=headers)
        assert found.status == status
    assert found.json()["limit"] == cloud_events.MAX_BATCH


async def test_a_page_a_key_and_a_query_are_taken_up_to_their_limits(api: Client, publish: Publish):
    await publish()
    start = "/workflows/test/runs"
    for count, status in ((queries.MAX_LIMIT, 200), (queries.MAX_LIMIT + 1, 400)):
        assert (await api("GET", f"/runs?limit={count}")).status == status
    for count, status in ((255, 202), (256, 400)):
        headers = {"idempotency-key": "k" * count}
        assert (await api("POST", start, json={}, headers=headers)).status == status
    for count, status in ((100, 200), (101, 400)):
        assert (await api("GET", "/runs?" + "&".join(["x=1"] * count))).status == status
