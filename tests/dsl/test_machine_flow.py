"""Order: lists, `then`, `if`, switch, for and do."""

import pytest

from lib import dsl
from tests.dsl.play import NOON, Play, call, document, play


def add(letter, **parts):
    return {"set": {"seen": f'${{ (.seen // "") + "{letter}" }}'}, **parts}


def seen(*tasks, input=None, **parts):
    return play(document(*tasks, **parts), input if input is not None else {}).output["seen"]


def test_runs_tasks_in_declaration_order():
    assert seen({"a": add("a")}, {"b": add("b")}, {"c": add("c")}) == "abc"


def test_then_jumps_to_a_named_task():
    assert seen({"a": add("a", then="c")}, {"b": add("b")}, {"c": add("c")}) == "ac"


def test_then_may_jump_back():
    tasks = [
        {"a": add("a")},
        {"again": {"switch": [{"more": {"when": ".seen | length < 3", "then": "a"}}, {"enough": {"then": "b"}}]}},
        {"b": add("b")},
    ]
    assert seen(*tasks) == "aaab"


def test_exit_leaves_only_its_own_list():
    inner = {"do": [{"a": add("a", then="exit")}, {"b": add("b")}]}
    assert seen({"inner": inner}, {"c": add("c")}) == "ac"


def test_exit_in_the_main_list_completes_the_workflow():
    assert seen({"a": add("a", then="exit")}, {"b": add("b")}) == "a"


def test_end_completes_the_workflow_from_any_depth():
    inner = {"do": [{"a": add("a", then="end")}, {"b": add("b")}]}
    run = play(document({"inner": inner}, {"c": add("c")}), {})
    assert run.output == {"seen": "a"}
    assert run.told("completed") == [("completed", "a"), ("completed", "inner"), ("completed", "workflow")]


def test_end_applies_the_output_of_the_tasks_around_it():
    inner = {"do": [{"a": add("a", then="end")}], "output": {"as": "{inner: .}"}}
    assert play(document({"inner": inner}, {"c": add("c")}), {}).output == {"inner": {"seen": "a"}}


def test_a_skipped_task_passes_its_raw_input_on_and_its_then_is_ignored():
    skipped = add("a", then="end", **{"if": ".never", "input": {"from": "{}"}, "export": {"as": "1"}})
    run = play(document({"a": skipped}, {"b": {"set": {"v": "${ . }", "c": "${ $context }"}}}), {"x": 1})
    assert run.output == {"v": {"x": 1}, "c": None}
    assert run.order() == ["b"]


def test_a_skipped_visit_is_not_counted():
    loop = {"for": {"in": "[1, 2, 3]"}, "do": [{"c": call(**{"if": "$item > 1"})}]}
    run = Play(document({"loop": loop}), {})
    assert run.effect("c").visit == 1


def test_if_treats_everything_but_false_and_null_as_true():
    tasks = [
        {name: add(name, **{"if": text})} for name, text in [("a", "0"), ("b", '""'), ("c", "null"), ("d", "false")]
    ]
    assert seen(*tasks) == "ab"


CASES = [
    {"anything": {"then": "d"}},
    {"red": {"when": '.c == "red"', "then": "a"}},
    {"reddish": {"when": '.c | startswith("red")', "then": "b"}},
    {"off": {"when": '.c == "off"', "then": "end"}},
    {"plain": {"when": '.c == "plain"', "then": "continue"}},
]


@pytest.mark.parametrize(
    ("color", "result"),
    [("red", "a"), ("reddest", "b"), ("blue", "d"), ("off", {"c": "off"}), ("plain", "a")],
)
def test_switch_takes_the_first_case_that_matches_and_the_default_last(color, result):
    tasks = [{name: {"set": f'"{name}"', "then": "exit"}} for name in "abd"]
    assert play(document({"s": {"switch": CASES}}, *tasks), {"c": color}).output == result


def test_switch_without_a_match_follows_its_own_then():
    cases = [{"red": {"when": "false", "then": "a"}}]
    tasks = [{"s": {"switch": cases, "then": "b"}}, {"a": {"set": "1"}}, {"b": {"set": "2"}}]
    assert play(document(*tasks)).output == 2


class TestFor:
    def test_each_iteration_gets_the_output_of_the_one_before(self):
        loop = {"for": {"in": ".items"}, "do": [{"x": {"set": "${ .n += $item | .last = $index }"}}]}
        output = play(document({"loop": loop}), {"items": [5, 6, 7], "n": 0}).output
        assert output == {"items": [5, 6, 7], "n": 18, "last": 2}

    def test_names_its_variables_as_asked_and_inner_loops_see_the_outer(self):
        inner = {"for": {"each": "b", "in": "$a"}, "do": [{"x": {"set": "${ . + [[$b, $index, $at]] }"}}]}
        outer = {"for": {"each": "a", "at": "at", "in": "[[1, 2], [3]]"}, "do": [{"inner": inner}]}
        assert play(document({"outer": outer}), []).output == [[1, 0, 0], [2, 1, 0], [3, 0, 1]]

    def test_while_sees_the_output_of_the_iteration_before(self):
        loop = {"for": {"in": "[1, 2, 3, 4]"}, "while": ". + $item < 7", "do": [{"x": {"set": "${ . + $item }"}}]}
        assert play(document({"loop": loop}), 0).output == 6

    def test_an_empty_collection_gives_the_input_back(self):
        assert play(document({"loop": {"for": {"in": ".none"}, "do": [{"x": {"set": "1"}}]}}), {"none": []}).output == {
            "none": []
        }

    @pytest.mark.parametrize("items", ["null", "{}", '"text"', "3"])
    def test_what_is_no_array_is_an_expression_fault(self, items):
        fault = play(document({"loop": {"for": {"in": items}, "do": [{"x": {"set": "1"}}]}})).fault
        assert (fault.type.rsplit("/", 1)[1], fault.instance) == ("expression", "/do/0/loop")

    def test_exit_ends_the_iteration_only(self):
        body = [{"x": add("x", then="exit")}, {"y": add("y")}]
        assert seen({"loop": {"for": {"in": "[1, 2]"}, "do": body}}, {"z": add("z")}) == "xxz"

    def test_end_ends_the_workflow(self):
        body = [{"x": add("x", then="end")}]
        assert seen({"loop": {"for": {"in": "[1, 2]"}, "do": body}}, {"z": add("z")}) == "x"

    def test_calls_in_a_loop_are_told_apart_by_their_visit(self):
        run = Play(document({"loop": {"for": {"in": "[1, 2]"}, "do": [{"c": call()}]}}))
        first = run.effect("c")
        run.answer("c", None)
        assert (first.visit, run.effect("c").visit) == (1, 2)
        assert first.reference == run.effect("c").reference == "/do/0/loop/do/0/c"


def test_references_escape_names_as_json_pointers_do():
    run = Play(document({"a/b~c": {"do": [{"x": call()}]}}))
    assert run.open[0].reference == "/do/0/a~1b~0c/do/0/x"


def test_a_long_loop_of_pure_tasks_pauses_and_stays_small():
    loop = {"for": {"in": "[range(10000)]"}, "do": [{"x": {"set": "${ . + $item }"}}]}
    doc = document({"loop": loop})
    transition, pauses = dsl.start(doc, run_id="r", input=0, now=NOON), 0
    while transition.more:
        assert len(transition.state.frames) <= 2
        transition = dsl.advance(doc, transition.state, [], now=NOON)
        pauses += 1
    assert pauses == 5
    assert transition.outcome == dsl.Completed(49995000)


def test_a_pure_task_in_a_loop_is_told_of_a_hundred_times_only():
    run = play(document({"loop": {"for": {"in": "[range(300)]"}, "do": [{"x": {"set": "${ $item }"}}]}}))
    assert run.order().count("x") == 100


def test_a_call_in_a_loop_is_always_told_of():
    run = play(document({"loop": {"for": {"in": "[range(120)]"}, "do": [{"x": call()}]}}))
    assert run.order().count("x") == 120


def test_a_loop_that_never_ends_is_stopped_and_nothing_catches_that(monkeypatch):
    monkeypatch.setattr("lib.dsl.flow.PURE_TASKS", 5000)
    body = [{"a": {"set": "1"}}, {"b": {"set": "2", "then": "a"}}]
    run = play(document({"t": {"try": body, "catch": {}}}))
    assert run.fault.type.endswith("/runtime")
    assert "5,000" in run.fault.detail


def test_a_call_makes_a_loop_of_pure_tasks_legitimate(monkeypatch):
    monkeypatch.setattr("lib.dsl.flow.PURE_TASKS", 100)
    loop = {"for": {"in": "[range(60)]"}, "do": [{"a": {"set": "1"}}, {"b": {"set": "1"}}, {"c": call()}]}
    assert play(document({"loop": loop})).output is None


def test_deep_nesting_costs_no_stack():
    task = {"set": {"deep": True}}
    for depth in range(15):
        task = {"do": [{f"d{depth}": task}]}
    assert play(document({"top": task})).output == {"deep": True}
