"""`emit`: an event goes out at once, the same one however often the task is tried."""

import pytest

from lib import dsl
from tests.dsl.play import Play, call, document, play


def emit(**parts):
    with_ = {"source": "https://shop.test", "type": "order.placed", **parts.pop("with_", {})}
    return {"emit": {"event": {"with": with_}}, **parts}


def test_an_event_is_completed_sent_and_the_output():
    run = play(document({"e": emit(with_={"data": {"to": "${ .name }"}})}), {"name": "Ada"})
    assert run.emitted == [
        {
            "specversion": "1.0",
            "id": "run-1:/do/0/e:1",
            "time": "2024-01-01T12:00:00Z",
            "source": "https://shop.test",
            "type": "order.placed",
            "data": {"to": "Ada"},
        }
    ]
    assert run.output == run.emitted[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "42"),
        ("source", "/other"),
        ("type", "other"),
        ("time", "2020-01-01T00:00:00+01:00"),
        ("subject", "s"),
        ("datacontenttype", "application/json"),
        ("dataschema", "https://shop.test/schema"),
        ("data", None),
        ("data", [1]),
        ("shard", 5),
        ("urgent", True),
    ],
)
def test_every_attribute_can_be_given(name, value):
    assert play(document({"e": emit(with_={name: value})}), {}).output[name] == value


@pytest.mark.parametrize("name", ["id", "source", "type", "time", "subject", "data", "shard"])
def test_every_attribute_can_be_an_expression(name):
    run = play(document({"e": emit(with_={name: "${ .x }"})}), {"x": "2020-01-01T00:00:00Z"})
    assert run.output[name] == "2020-01-01T00:00:00Z"


def test_an_attribute_without_a_value_is_left_out():
    assert "subject" not in play(document({"e": emit(with_={"subject": "${ .none }"})}), {}).output


@pytest.mark.parametrize(("name", "value"), [("type", ""), ("source", 5), ("time", "noon"), ("shard", 1.5), ("x", [])])
def test_an_attribute_that_events_cannot_have_is_an_expression_error(name, value):
    run = play(document({"e": emit(with_={name: "${ .x }"})}), {"x": value})
    assert run.fault.type.endswith("/expression")
    assert run.fault.detail.startswith(f"the event's `{name}` ")
    assert run.emitted == []


def test_each_visit_is_an_event_of_its_own_and_is_told_of():
    run = play(document({"l": {"for": {"in": "[1, 2]"}, "do": [{"e": emit()}]}}))
    assert [event["id"][-2:] for event in run.emitted] == [":1", ":2"]
    assert run.told("started", "completed").count(("completed", "e")) == 2


def test_a_retry_sends_the_same_event_again():
    catch = {"retry": {"limit": {"attempt": {"count": 1}}}}
    run = Play(document({"t": {"try": [{"e": emit()}, {"c": call()}], "catch": catch}}))
    run.fail("c", dsl.Fault("https://x.test/e", 500))
    assert [event["id"] for event in run.emitted] == ["run-1:/do/0/t/try/0/e:1"] * 2
