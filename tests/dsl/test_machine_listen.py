"""`listen`: which events are taken, what is made of them, and when it is enough."""

import itertools
import json
import random
from typing import Any

import pytest

from lib import dsl
from lib.dsl import limits
from tests.dsl.play import NOON, Play, call, document, event


def of(type="a", **attributes):
    correlate = attributes.pop("correlate", None)
    return {"with": {"type": type, **attributes}} | ({"correlate": correlate} if correlate else {})


def listen(to, **parts):
    read = {"read": parts.pop("read")} if "read" in parts else {}
    return {"listen": {"to": to, **read}, **parts}


def hearing(to, input=None, **parts):
    return Play(document({"l": listen(to, **parts)}), input if input is not None else {})


# strategies


def test_one_ends_with_the_first_event_that_matches():
    run = hearing({"one": of("a")})
    assert run.hear(event("b", 1)) == ()
    assert run.hear(event("a", 2)) == (0,)
    assert run.output == [2]


def test_any_ends_with_the_first_event_that_matches_one_of_the_filters():
    run = hearing({"any": [of("a"), of("b")]})
    assert run.hear(event("c", 1), event("b", 2), event("a", 3)) == (1,)
    assert run.output == [2]


def test_any_of_nothing_takes_every_event():
    run = hearing({"any": []})
    assert run.listens == (dsl.Listen(run.listens[0].id, None, {}),)
    run.hear(event("whatever", 1))
    assert run.output == [1]


def test_all_waits_for_an_event_of_each_and_keeps_their_order():
    run = hearing({"all": [of("a"), of("b")]})
    assert run.hear(event("b", 1), event("b", 2), event("a", 3)) == (0, 2)
    assert run.output == [1, 3]


def test_all_of_the_same_filter_twice_waits_for_two_events():
    run = hearing({"all": [of("a"), of("a")]})
    run.hear(event("a", 1))
    run.hear(event("a", 1))
    assert run.output == [1, 1]


def test_until_a_condition_looks_at_what_was_heard():
    run = hearing({"any": [], "until": "( . | length ) > 2"})
    run.hear(event(data=1), event(data=2))
    assert run.listens
    run.hear(event(data=3))
    assert run.output == [1, 2, 3]


def test_until_an_event_that_is_not_part_of_the_output():
    run = hearing({"any": [], "until": {"one": of("stop")}})
    assert run.hear(event("a", 1), event("b", 2), event("stop", 3)) == (0, 1, 2)
    assert run.output == [1, 2]


def test_until_all_of_several_events():
    run = hearing({"any": [of("a")], "until": {"all": [of("x"), of("y")]}})
    run.hear(event("x"), event("a", 1), event("x"))
    assert run.listens
    run.hear(event("y"))
    assert run.output == [1]


# which types are asked for


@pytest.mark.parametrize(
    ("to", "types"),
    [
        ({"one": of("a")}, ("a",)),
        ({"any": [of("b"), of("a"), of("a")]}, ("a", "b")),
        ({"any": [of("b")], "until": {"one": of("stop")}}, ("b", "stop")),
        ({"any": [], "until": {"one": of("stop")}}, None),
        ({"any": [of("a")], "until": {"any": []}}, None),
        ({"any": [of("a"), {"with": {"source": "/x"}}]}, None),
        ({"one": of('${ startswith("a") }')}, None),
    ],
)
def test_the_types_a_task_can_want_are_known_while_it_listens(to, types):
    run = hearing(to)
    assert [listen.types for listen in run.listens] == [types]


def at(type: str, source: Any) -> dict[str, Any]:
    return {"with": {"type": type, "source": source}}


@pytest.mark.parametrize(
    ("to", "sources"),
    [
        ({"one": at("a", "/x")}, {"a": ["/x"]}),
        ({"any": [at("a", "/y"), at("a", "/x"), of("b"), at("c", "/x")]}, {"a": ["/x", "/y"], "c": ["/x"]}),
        ({"all": [at("a", "/x"), of("a")]}, {}),
        ({"one": at("a", '${ startswith("/") }')}, {}),
        ({"any": [at("a", "/x"), at("a", "${ . }")]}, {}),
        ({"any": [at("a", "/x")], "until": {"one": at("a", "/z")}}, {"a": ["/x", "/z"]}),
        ({"any": [at("a", "/x")], "until": {"one": of("a")}}, {}),
        ({"any": [at("a", "/x")], "until": {"any": []}}, {}),
        ({"any": [at("a", "/x"), {"with": {"source": "/x"}}]}, {}),
        ({"one": at("${ . }", "/x")}, {}),
    ],
)
def test_the_sources_a_task_can_want_of_a_type_are_known_while_it_listens(to, sources):
    run = hearing(to)
    assert [listen.sources for listen in run.listens] == [sources]


@pytest.mark.parametrize("seed", range(40))
def test_no_task_takes_an_event_of_a_type_and_source_that_it_is_said_not_to_want(seed: int):
    """Whatever is left out where events are delivered has to be what the task itself would have passed over."""
    dice = random.Random(seed)
    kinds, places = ["a", "b"], ["/x", "/y", '${ startswith("/x") }', None]

    def draw() -> dict[str, Any]:
        place = dice.choice(places)
        return {"with": {"type": dice.choice(kinds)} | ({"source": place} if place else {})}

    mode = dice.choice(["one", "any", "all"])
    to: dict[str, Any] = {mode: draw() if mode == "one" else [draw() for _ in range(dice.randint(1, 3))]}
    if mode == "any":
        to["until"] = dice.choice([{"one": draw()}, {"all": [draw(), draw()]}])
    for type, source in itertools.product(["a", "b", "c"], ["/x", "/y", "/z"]):
        run = hearing(to)
        [listen] = run.listens
        told = listen.types is None or (type in listen.types and source in listen.sources.get(type, [source]))
        assert told or run.hear(event(type, source=source)) == ()


def test_a_run_that_has_ended_listens_no_more():
    run = hearing({"one": of("a")}, timeout={"after": "PT1S"})
    assert run.listens
    run.pass_time(1)
    assert run.fault.status == 408
    assert run.listens == ()
    assert run.hear(event("a")) == ()


# filters


@pytest.mark.parametrize(
    ("wanted", "attributes"),
    [
        ({"id": "7"}, {"id": "7"}),
        ({"source": "/s"}, {"source": "/s"}),
        ({"subject": "s"}, {"subject": "s"}),
        ({"time": "2024-01-01T12:00:00Z"}, {"time": "2024-01-01T13:00:00+01:00"}),
        ({"datacontenttype": "text/plain"}, {"datacontenttype": "text/plain"}),
        ({"dataschema": "https://x.test"}, {"dataschema": "https://x.test"}),
        ({"shard": 5}, {"shard": 5}),
        ({"data": {"a": {"b": [1, {"c": 2}]}}}, {"data": {"a": {"b": [1, {"c": 2}]}, "more": 1}}),
        ({"data": "text"}, {"data": "text"}),
        ({"data": "${ .t > 38 }"}, {"data": {"t": 39}}),
        ({"data": {"t": "${ . > 38 }"}}, {"data": {"t": 39}}),
        ({"source": '${ startswith("/te") }'}, {"source": "/test"}),
        ({"subject": "${ $input.mine }"}, {"subject": "me"}),
        ({"subject": "${ $context }"}, {"subject": "me"}),
    ],
)
def test_an_event_is_taken_that_has_what_the_filter_names(wanted, attributes):
    exports = {"set": "${ . }", "export": {"as": '"me"'}}
    run = Play(document({"s": exports}, {"l": listen({"one": {"with": wanted}})}), {"mine": "me"})
    assert run.hear(event("x", **attributes)) == (0,)


@pytest.mark.parametrize(
    ("wanted", "attributes"),
    [
        ({"type": "a"}, {"type": "A"}),
        ({"subject": "s"}, {}),
        ({"time": "2024-01-01T12:00:00Z"}, {"time": "2024-01-01T12:00:01Z"}),
        ({"time": "2024-01-01T12:00:00Z"}, {"time": "noon"}),
        ({"flag": True}, {"flag": 1}),
        ({"data": {"a": None}}, {"data": {}}),
        ({"data": {"a": [1]}}, {"data": {"a": [1, 2]}}),
        ({"data": {"a": 1}}, {"data": [1]}),
        ({"data": "${ .t > 38 }"}, {"data": {"t": 38}}),
        ({"data": "${ .t > 38 }"}, {"data": "an expression that fails is no match"}),
        ({"subject": "${ null }"}, {}),
        ({"source": '${ startswith("/te") }'}, {"source": "/other"}),
    ],
)
def test_an_event_is_left_that_has_not(wanted, attributes):
    assert hearing({"one": {"with": wanted}}).hear(event(**attributes)) == ()


def test_a_correlation_expects_a_constant_or_an_expression_on_the_input():
    by_expression = {"order": {"from": ".data.order", "expect": ".order"}}
    run = hearing({"one": of(correlate=by_expression)}, {"order": 7})
    assert run.hear(event(data={"order": 8}), event(data={"order": 7})) == (1,)
    constant = hearing({"one": of(correlate={"order": {"from": "${ .orderid }", "expect": "x-1"}})})
    assert constant.hear(event(orderid="x-2"), event(), event(orderid="x-1")) == (2,)


def test_without_an_expectation_the_first_value_is_it():
    rooms = {"room": {"from": ".room"}}
    run = hearing({"all": [of("warm", correlate=rooms), of("humid", correlate=rooms)]})
    heard = [event("warm", 1, room="r1"), event("warm", 2, room="r2"), event("humid", 3, room="r2"), event("humid", 4)]
    assert run.hear(*heard, event("humid", 5, room="r1")) == (0, 4)
    assert run.output == [1, 5]
    assert run.events[-3].data["correlationKeys"] == {"room": "r1"}


# what is read


@pytest.mark.parametrize(
    ("read", "given", "found"),
    [
        ("data", {"data": {"x": 1}}, {"x": 1}),
        ("data", {"data_base64": "eyJ4IjoxfQ==", "datacontenttype": "application/json"}, {"x": 1}),
        ("data", {"data_base64": "aGk=", "datacontenttype": "text/plain"}, "hi"),
        ("data", {"data_base64": "/w=="}, "/w=="),
        ("data", {}, None),
        ("raw", {"data": {"x": 1}}, {"x": 1}),
        ("raw", {"data_base64": "aGk="}, "aGk="),
    ],
)
def test_reads_the_data_or_the_raw_data(read, given, found):
    run = hearing({"any": []}, read=read)
    run.hear({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", **given})
    assert run.output == [found]


def test_reads_the_envelope():
    run = hearing({"any": []}, read="envelope")
    run.hear(event("a", 1))
    assert run.output == [event("a", 1)]


# foreach


def test_each_event_is_processed_in_turn_and_others_queue_meanwhile():
    each = {"item": "e", "at": "i", "do": [{"c": call(with_={"body": {"e": "${ $e }", "i": "${ $i }"}})}]}
    run = hearing({"any": [], "until": "length == 2"}, foreach=each)
    run.hear(event(data="x"), event(data="y"))
    assert len(run.open) == 1
    assert run.resolve("c")["body"] == {"e": "x", "i": 0}
    run.answer("c", "first")
    assert run.effect("c").visit == 2
    assert run.resolve("c")["body"] == {"e": "y", "i": 1}
    run.answer("c", "second")
    assert run.output == ["first", "second"]


def test_the_body_works_on_the_event_and_its_output_is_shaped_and_exported():
    each = {
        "do": [{"s": {"set": {"double": "${ . * 2 }"}}}],
        "output": {"as": "{v: .double, item: $item, index: $index}"},
        "export": {"as": "($context // []) + [$output.v]"},
    }
    run = Play(document({"l": listen({"any": [], "until": "length == 2"}, foreach=each)}, {"c": call()}), {})
    run.hear(event(data=1), event(data=2))
    assert run.state.context == [2, 4]
    run.run()
    assert run.state.outcome


def test_what_is_queued_is_processed_after_the_last_event():
    run = hearing({"any": [], "until": {"one": of("stop")}}, foreach={"do": [{"c": call()}]})
    run.hear(event(data=1), event(data=2), event("stop"))
    assert run.listens == ()
    run.answer("c", "one")
    run.answer("c", "two")
    assert run.output == ["one", "two"]


def test_what_is_queued_when_the_condition_holds_is_dropped():
    run = hearing({"any": [], "until": "true"}, foreach={"do": [{"c": call()}]})
    run.hear(event(data=1), event(data=2))
    run.answer("c", "one")
    assert run.output == ["one"]


def test_exit_ends_the_processing_of_one_event_and_end_the_workflow():
    choose = {"switch": [{"stop": {"when": ". == 2", "then": "end"}}, {"go": {"then": "exit"}}]}
    each = {"do": [{"s": choose}, {"never": {"set": {"x": 1}}}]}
    run = Play(document({"l": listen({"any": [], "until": "length > 5"}, foreach=each)}, {"c": call()}), {})
    run.hear(event(data=1))
    assert run.listens
    run.hear(event(data=2))
    assert run.output == [1, 2]


def test_listening_for_ever_keeps_nothing_of_the_past():
    run = hearing({"any": [], "until": "${ false }"}, foreach={"do": [{"s": {"set": {"n": "${ $index }"}}}]})
    run.hear(event(data="x" * 100))
    size = len(json.dumps(run.state.dump()))
    for _ in range(20):
        run.hear(event(data="x" * 100))
    assert len(json.dumps(run.state.dump())) <= size + 4


def test_a_task_that_would_keep_too_many_events_faults(monkeypatch):
    monkeypatch.setattr(limits, "LISTENED_EVENTS", 2)
    run = hearing({"any": [], "until": "length > 5"})
    run.hear(event(data=1), event(data=2))
    assert run.listens
    run.hear(event(data=3))
    assert run.fault.type.endswith("/runtime")


# together with everything else


def test_an_event_is_offered_to_every_task_that_listens():
    branches = [{name: listen({"one": of("a")})} for name in ("x", "y")] + [{"z": listen({"one": of("b")})}]
    run = Play(document({"f": {"fork": {"branches": branches}}}))
    assert len(run.listens) == 3
    assert run.hear(event("a", 1)) == (0,)
    assert [listen.types for listen in run.listens] == [("b",)]
    run.hear(event("b", 2))
    assert run.output == [[1], [1], [2]]


def test_events_that_come_together_are_heard_one_after_the_other():
    run = Play(document({"x": listen({"one": of("a")})}, {"y": listen({"one": of("a")})}))
    assert run.hear(event("a", 1), event("a", 2)) == (0, 1)
    assert run.output == [2]


def test_what_is_consumed_is_named_by_its_place_among_all_arrivals():
    run = Play(document({"f": {"fork": {"branches": [{"c": call()}, {"l": listen({"one": of("a")})}]}}}))
    arrivals = [dsl.Received(event("b")), dsl.Received(event("a")), dsl.Result(run.effect("c").id, 1)]
    transition = dsl.advance(run.document, run.state, arrivals, now=NOON)
    assert transition.consumed == (1,)
    assert transition.outcome == dsl.Completed([1, [None]])


def test_a_fault_ends_the_listening_beside_it():
    tasks = {"fork": {"branches": [{"c": call()}, {"l": listen({"one": of("a")})}]}}
    run = Play(document({"t": {"try": [{"f": tasks}], "catch": {}}}), {"x": 1})
    run.fail("c", dsl.Fault("https://x.test/e", 500))
    assert run.output == {"x": 1}


def test_tells_when_it_begins_takes_and_has_all():
    run = hearing({"one": of("a")})
    run.hear(event("a", {"secret": 1}, id="e-1"))
    told = [(entry.type.split(".")[-2], entry.data) for entry in run.events]
    assert [what for what, _ in told] == [
        *("started", "started", "correlation-started"),
        *("consumed", "correlation-completed", "completed", "completed"),
    ]
    assert told[3][1]["event"] == {"id": "e-1", "source": "/test", "type": "a"}
    assert "secret" not in str(told)


def test_a_retried_run_goes_on_listening_with_what_it_has_heard():
    run = hearing({"all": [of("a"), of("b")]}, timeout={"after": "PT1M"})
    run.hear(event("a", 1))
    run.pass_time(60)
    run.retry()
    run.hear(event("b", 2))
    assert run.output == [1, 2]


def test_a_retried_run_processes_again_what_failed_and_loses_no_event():
    each = {"do": [{"c": call()}], "output": {"as": ".x.y"}}
    run = hearing({"any": [], "until": "length == 2"}, foreach=each)
    run.hear(event(data=1), event(data=2))
    run.fail("c", dsl.Fault("https://x.test/e", 500))
    run.retry()
    run.answer("c", {"x": 5})
    assert run.fault.type.endswith("/expression")
    run.retry()
    assert run.fault.instance == "/do/0/l"


def test_a_retried_run_leaves_again_with_what_it_has_heard():
    run = hearing({"one": of("a")}, output={"as": ".[0].x.y"})
    run.hear(event("a", {"x": 1}))
    assert run.fault.type.endswith("/expression")
    run.retry()
    assert run.listens == ()
    assert run.fault.type.endswith("/expression")
