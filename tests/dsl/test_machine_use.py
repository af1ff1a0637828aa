"""What `use` adds to tasks: functions that are called by name, extensions around tasks; and loose evaluation."""

import pytest

from lib import dsl, errors
from tests.dsl.play import Play, call, document, play

FAULT = dsl.Fault("https://x.test/e", 500)


# functions

PET = {"call": "http", "with": {"method": "get", "endpoint": "https://pets.test/{petId}"}}


def functions(*tasks, **named):
    return document(*tasks, use={"functions": named})


def test_a_function_works_on_its_arguments():
    run = Play(functions({"p": {"call": "pet", "with": {"petId": "${ .id }"}}}, pet=PET), {"id": 69})
    [effect] = run.open
    assert effect.reference == "/do/0/p/use/functions/pet"
    assert run.resolve("pet")["endpoint"] == "https://pets.test/69"
    run.answer("pet", {"name": "Milou"})
    assert run.output == {"name": "Milou"}
    assert run.order() == ["p", "pet"]


def test_without_arguments_a_function_gets_an_empty_object():
    assert play(functions({"f": {"call": "f"}}, f={"set": {"in": "${ . }"}}), {"x": 1}).output == {"in": {}}


def test_a_functions_own_input_output_and_export_apply():
    f = {
        "input": {"from": ".a", "schema": {"document": {"type": "object", "required": ["a"]}}},
        "set": "${ . }",
        "output": {"as": "{got: .}"},
        "export": {"as": "$output"},
    }
    run = play(functions({"f": {"call": "f", "with": {"a": 1}, "output": {"as": "[., $context]"}}}, f=f))
    assert run.output == [{"got": 1}, {"got": 1}]
    wrong = play(functions({"f": {"call": "f", "with": {"b": 1}}}, f=f))
    assert wrong.fault.type.endswith("/validation")
    assert wrong.fault.instance == "/do/0/f/use/functions/f"


def test_each_place_that_calls_a_function_counts_its_own_visits():
    run = Play(functions({"fork": {"fork": {"branches": [{"a": {"call": "f"}}, {"b": {"call": "f"}}]}}}, f=PET))
    assert [(effect.reference, effect.visit) for effect in run.open] == [
        ("/do/0/fork/fork/branches/0/a/use/functions/f", 1),
        ("/do/0/fork/fork/branches/1/b/use/functions/f", 1),
    ]


def test_functions_call_functions():
    run = play(
        functions(
            {"f": {"call": "f", "with": {"n": 1}}},
            f={"do": [{"g": {"call": "g", "with": {"n": "${ .n + 1 }"}}}]},
            g={"set": {"n": "${ .n * 10 }"}},
        )
    )
    assert run.output == {"n": 20}


def test_a_function_can_be_retried_timed_out_and_end_the_workflow():
    catch = {"retry": {"limit": {"attempt": {"count": 1}}}, "do": [{"s": {"set": {"late": "${ .status }"}}}]}
    risky = {"try": [{"p": {"call": "f", "timeout": {"after": "PT400S"}}}], "catch": catch}
    run = Play(functions({"t": risky}, f={**PET, "with": {**PET["with"], "endpoint": "https://x.test"}}), {})
    assert run.effect("f").attempt == 1
    run.fail("f", FAULT)
    assert (run.effect("f").visit, run.effect("f").attempt) == (1, 2)
    ended = play(functions({"f": {"call": "f"}}, {"no": {"set": {"x": 1}}}, f={"set": {"y": 2}, "then": "end"}))
    assert ended.output == {"y": 2}


# extensions


def extended(extensions, *tasks, **parts):
    return document(*tasks, use={"extensions": [{f"e{n}": entry} for n, entry in enumerate(extensions)]}, **parts)


LOG = {"extend": "all", "before": [{"b": call()}], "after": [{"a": call()}]}


def test_tasks_run_before_and_after_and_change_nothing():
    run = Play(extended([LOG], {"s": {"set": {"y": "${ .x }"}, "then": "end"}}, {"n": {"set": {}}}), {"x": 1})
    run.answer("b", "logged")
    run.answer("a", "logged")
    assert run.output == {"y": 1}
    assert run.order() == ["b", "s", "a"]
    assert run.events[1].data["task"] == "/do/0/s/use/extensions/0/e0/before/0/b"


def test_the_extended_task_is_what_they_see():
    tell = "${ {name: $task.name, ref: $task.reference, set: $task.set, in: $task.input, out: $task.output} }"
    spy = {"extend": "set", "after": [{"inner": {"do": [{"c": call(with_={"body": tell})}]}}]}
    run = Play(extended([spy], {"s": {"set": {"y": 2}, "output": {"as": ".y"}}}), {"x": 1})
    assert run.resolve("c")["body"] == {"name": "s", "ref": "/do/0/s", "set": {"y": 2}, "in": {"x": 1}, "out": 2}


def test_exit_before_gives_what_was_injected_in_place_of_the_task():
    mock = {"extend": "call", "before": [{"m": {"set": {"mocked": "${ .x }"}, "then": "exit"}}]}
    run = play(extended([mock], {"c": call(then="s")}, {"no": call()}, {"s": {"set": {"got": "${ . }"}}}), {"x": 1})
    assert run.output == {"got": {"mocked": 1}}
    assert run.order() == ["m", "s"]


def test_exit_after_gives_what_was_injected_in_place_of_the_output():
    shout = {"extend": "set", "after": [{"u": {"raise": {"error": {"type": "https://x.test/e", "status": 400}}}}]}
    assert play(extended([shout], {"s": {"set": {"x": 1}}})).fault.instance == "/do/0/s/use/extensions/0/e0/after/0/u"
    swap = {"extend": "call", "after": [{"u": {"set": {"v": "${ . + 1 }"}, "then": "exit"}}]}
    assert play(extended([swap], {"c": call()}), {}, lambda *_: 1).output == {"v": 2}


def test_end_in_an_extension_ends_the_workflow():
    stop = {"extend": "call", "before": [{"m": {"set": {"x": 1}, "then": "end"}}]}
    assert play(extended([stop], {"c": call()}, {"d": call()})).output == {"x": 1}


@pytest.mark.parametrize(
    ("when", "applies"),
    [
        ('$task.call == "http"', True),
        ('$task.with.endpoint | startswith("https://other")', False),
        (".x == 1", True),
        ("$workflow.input.x == 2", False),
    ],
)
def test_when_decides_once_for_before_and_after(when, applies):
    marks = {"before": [{"b": {"set": {"x": 5}}}], "after": [{"a": {"set": {"x": 5}}}]}
    run = play(extended([{"extend": "call", "when": when, **marks}], {"c": call()}), {"x": 1}, lambda *_: {"x": 7})
    assert run.order() == (["b", "c", "a"] if applies else ["c"])
    assert run.output == {"x": 7}


def test_a_broken_when_is_a_fault_of_the_extended_task():
    run = Play(extended([{"extend": "call", "when": ".x.y", "before": []}], {"c": call()}), {"x": 1})
    assert (run.fault.instance, run.order()) == ("/do/0/c", [])
    run.retry()
    assert run.fault.instance == "/do/0/c"


def test_a_skipped_task_is_not_extended():
    assert play(extended([LOG], {"c": call(**{"if": "false"})}), {"x": 1}).order() == []


@pytest.mark.parametrize(
    ("extend", "task"),
    [
        ("call", call()),
        ("composite", {"do": []}),
        ("composite", {"fork": {"branches": [{"b": {"set": {}}}]}}),
        ("for", {"for": {"in": "[]"}, "do": []}),
        ("raise", {"raise": {"error": {"type": "https://x.test/e", "status": 400}}}),
        ("set", {"set": {}}),
        ("switch", {"switch": [{"x": {"then": "end"}}]}),
        ("try", {"try": [], "catch": {}}),
        ("wait", {"wait": {"seconds": 1}}),
        ("emit", {"emit": {"event": {"with": {"type": "t", "source": "/s"}}}}),
        ("listen", {"listen": {"to": {"any": []}}}),
        ("run", {"run": {"workflow": {"name": "w"}}}),
    ],
)
def test_each_kind_of_task_can_be_extended(extend, task):
    mark = [{"m": {"wait": {"seconds": 1}}}]
    run = Play(extended([{"extend": extend, "before": mark}], {"t": task}))
    assert run.order() == ["m"]
    everything = Play(extended([{"extend": "all", "before": mark}], {"t": task}))
    assert everything.order() == ["m"]
    other = Play(extended([{"extend": "wait" if extend != "wait" else "set", "before": mark}], {"t": task}))
    assert other.order()[0] == "t"


def test_extensions_run_in_their_order_and_are_not_extended_themselves():
    def mark(letter):
        return {"extend": "all", "before": [{letter: {"set": {}}}], "after": [{letter.upper(): {"set": {}}}]}

    assert play(extended([mark("a"), mark("b")], {"s": {"set": {}}})).order() == ["a", "b", "s", "A", "B"]


def test_a_switch_goes_where_it_chose_also_when_extended():
    tasks = [{"w": {"switch": [{"x": {"then": "c"}}]}}, {"b": {"set": {"x": 1}}}, {"c": {"wait": {"seconds": 1}}}]
    run = play(extended([{"extend": "switch", "after": [{"a": {"set": {"y": 1}}}]}], *tasks), {"z": 1})
    assert run.order() == ["w", "a", "c"]
    assert run.output == {"z": 1}


def test_branches_loops_functions_and_handlers_are_extended():
    mark = {"extend": "call", "before": [{"m": {"set": {}}}]}
    tasks = [
        {"l": {"for": {"in": "[1, 2]"}, "do": [{"c": call()}]}},
        {"f": {"fork": {"branches": [{"d": call()}, {"e": {"set": {}}}]}}},
    ]
    run = play(extended([mark], *tasks), {}, lambda *_: {})
    assert run.order().count("m") == 3
    assert run.output == [{}, {}]


def test_a_fault_in_an_extended_task_is_caught_outside_and_tried_again_whole():
    catch = {"retry": {"limit": {"attempt": {"count": 1}}}}
    log = {"extend": "call", "before": [{"s": {"set": {}}}]}
    run = Play(extended([log], {"t": {"try": [{"c": call()}], "catch": catch}}))
    run.fail("c", FAULT)
    assert (run.effect("c").visit, run.effect("c").attempt) == (1, 2)
    run.fail("c", FAULT)
    run.retry()
    run.answer("c", {"x": 1})
    assert run.output == {"x": 1}


def test_a_retry_that_takes_too_long_is_late_at_the_extended_task():
    limit = {"attempt": {"count": 2, "duration": {"seconds": 5}}}
    log = {"extend": "call", "before": [{"s": {"set": {}}}]}
    tried = {"t": {"try": [{"c": call()}], "catch": {"retry": {"limit": limit}, "do": [{"s": {"set": "${ $error }"}}]}}}
    run = Play(extended([log], tried))
    run.fail("c", FAULT)
    run.pass_time(5)
    assert ("faulted", "c") in run.told()
    run.pass_time(5)
    assert (run.output["status"], run.output["instance"]) == (408, "/do/0/t/try/0/c")


# how much it may become


def test_a_function_that_calls_itself_is_refused():
    with pytest.raises(errors.InvalidDocument) as refused:
        functions({"a": {"call": "f"}}, f={"do": [{"g": {"call": "g"}}]}, g={"call": "f"})
    assert refused.value.extra["errors"] == [
        {"pointer": "/use/functions/f", "detail": "the function calls itself: `f` → `g` → `f`"}
    ]


def test_functions_that_multiply_are_refused():
    many = {f"f{n}": {"do": [{f"c{m}": {"call": f"f{n + 1}"}} for m in range(10)]} for n in range(5)}
    with pytest.raises(errors.InvalidDocument) as refused:
        functions({"a": {"call": "f0"}}, **many, f5={"set": {}})
    [problem] = refused.value.extra["errors"]
    assert problem["detail"] == "with its functions and extensions, a document may have at most 5000 tasks"


def test_functions_that_call_each_other_too_deeply_are_refused():
    chain = {f"f{n}": {"call": f"f{n + 1}"} for n in range(500)}
    with pytest.raises(errors.InvalidDocument) as refused:
        functions({"a": {"call": "f0"}}, **chain, f500={"set": {}})
    assert refused.value.extra["errors"][0]["detail"] == "functions may call each other 20 levels deep"
    backwards = dict(reversed(chain.items()))
    with pytest.raises(errors.InvalidDocument):
        functions({"a": {"call": "f0"}}, f500={"set": {}}, **backwards)


# evaluate


def loosely(*tasks, input=None, **parts):
    return play(document(*tasks, evaluate={"mode": "loose"}, **parts), input)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (".name", "Ada"),
        ("${ .name }", "Ada"),
        (".name | length", 3),
        ("Hello World", "Hello World"),
        ("https://x.test/{name}", "https://x.test/{name}"),
        (".name.first", ".name.first"),
        ("$nothing.there", "$nothing.there"),
        ("", ""),
    ],
)
def test_loosely_any_text_is_tried_as_an_expression(text, value):
    run = loosely({"s": {"set": {"in": {"list": [text]}, "n": 1}}}, input={"name": "Ada"})
    assert run.output == {"in": {"list": [value]}, "n": 1}


def test_loosely_what_is_marked_as_an_expression_has_to_be_one():
    assert loosely({"s": {"set": {"x": "${ .name.first }"}}}, input={"name": "Ada"}).fault.type.endswith("/expression")


def test_loosely_a_uri_is_still_a_template():
    run = Play(document({"c": call(with_={"endpoint": "https://x.test/{id}"})}, evaluate={"mode": "loose"}), {"id": 5})
    assert run.resolve("c")["endpoint"] == "https://x.test/5"


def test_loosely_durations_may_be_expressions():
    run = Play(document({"w": {"wait": ".pause"}}, evaluate={"mode": "loose"}), {"pause": {"seconds": 5}})
    run.pass_time(5)
    assert run.transition.outcome
    literal = Play(document({"w": {"wait": "PT5S"}}, evaluate={"mode": "loose"}))
    literal.pass_time(5)
    assert literal.transition.outcome


def test_loosely_secrets_are_no_easier_to_reach():
    run = loosely({"s": {"set": {"x": "$secrets.key"}}}, use={"secrets": ["key"]})
    assert run.fault.type.endswith("/authorization")
