"""Fork: branches side by side, joined or competing."""

import itertools

from lib.dsl import Failure, Result, faults
from tests.dsl.play import Play, call, document, play


def fork(*branches, **parts):
    return {"fork": {"branches": list(branches), **parts}}


def three(**parts):
    return Play(document({"f": fork({"a": call()}, {"b": call()}, {"c": call()}, **parts)}), {})


def test_branches_run_side_by_side_on_the_same_input():
    run = Play(
        document({"f": fork({"a": call(with_={"body": "${ . }"})}, {"b": call(with_={"body": "${ . }"})})}), {"x": 1}
    )
    assert [effect.reference for effect in run.open] == ["/do/0/f/fork/branches/0/a", "/do/0/f/fork/branches/1/b"]
    assert run.resolve("a")["body"] == run.resolve("b")["body"] == {"x": 1}


def test_outputs_stand_in_declaration_order_whatever_the_order_of_arrival():
    for order in itertools.permutations("abc"):
        run = three()
        for name in order:
            run.answer(name, name)
        assert run.output == ["a", "b", "c"]


def test_answers_may_arrive_together():
    run = three()
    run.arrive(*(Result(run.effect(name).id, name) for name in "cab"))
    assert run.output == ["a", "b", "c"]


def test_a_skipped_branch_gives_its_input():
    assert play(document({"f": fork({"a": {"if": "false", "set": "1"}}, {"b": {"set": "2"}})}), 0).output == [0, 2]


def test_the_winner_of_a_race_is_the_output_and_the_others_are_cancelled():
    run = three(compete=True)
    loser, other = run.effect("a").id, run.effect("c").id
    run.answer("b", "won")
    assert run.output == "won"
    assert sorted(run.cancelled) == [loser, other]
    assert sorted(run.told("cancelled")) == [("cancelled", "a"), ("cancelled", "c")]


def test_a_race_that_is_decided_at_once_opens_no_effect():
    run = play(document({"f": fork({"a": call()}, {"b": {"set": "1"}}, {"c": call()}, compete=True)}))
    assert (run.output, run.transition.effects, run.cancelled) == (1, (), [])


def test_a_late_answer_of_a_loser_is_ignored():
    run = Play(document({"f": fork({"a": call()}, {"b": call()}, compete=True)}, {"next": call()}))
    loser = run.effect("a").id
    run.answer("b", 1)
    before = run.state
    run.arrive(Result(loser, 2))
    assert run.state == before
    assert run.transition.events == ()


def test_a_double_answer_is_ignored():
    run = three()
    first = Result(run.effect("a").id, "a")
    run.arrive(first)
    run.arrive(first, Result(999, "who?"))
    assert len(run.open) == 2


def test_a_fault_in_a_branch_cancels_the_others():
    run = Play(
        document(
            {"t": {"try": [{"f": fork({"a": call()}, {"b": {"do": [{"w": {"wait": {"days": 1}}}]}})}], "catch": {}}}
        )
    )
    run.fail("a", faults.communication("no", 502))
    assert run.output is None
    assert run.told("faulted") == [("faulted", "a"), ("faulted", "f")]
    assert run.told("cancelled") == [("cancelled", "w"), ("cancelled", "b")]


def test_end_in_a_branch_ends_the_workflow_and_leaves_holes():
    branches = [{"a": call()}, {"b": {"do": [{"x": {"set": "1", "then": "end"}}]}}]
    run = Play(document({"s": call()}, {"f": fork(*branches)}, {"never": {"set": "2"}}))
    run.answer("s", 0)
    assert run.output == [None, 1]


def test_branches_may_nest_and_loop():
    body = [
        {"inner": {**fork({"x": {"set": "${ . + $item }"}}, {"y": {"set": "${ . * $item }"}}), "output": {"as": "add"}}}
    ]
    loop = {"for": {"in": "[1, 2]"}, "do": body}
    assert play(document({"f": fork({"l": loop}, {"m": loop})}), 1).output == [11, 11]


def test_hundreds_of_branches_are_opened_in_order():
    run = Play(document({"f": fork(*({f"b{n}": call()} for n in range(300)))}))
    assert [effect.reference.rsplit("/b", 1)[1] for effect in run.open] == [str(n) for n in range(300)]
    run.arrive(*(Result(effect.id, place) for place, effect in enumerate(run.open)))
    assert run.output == list(range(300))


def test_what_succeeded_beside_a_fault_is_kept():
    run = Play(document({"f": fork({"a": call()}, {"b": call()})}))
    run.arrive(Failure(run.effect("a").id, faults.runtime("no")), Result(run.effect("b").id, "b"))
    assert run.fault.instance == "/do/0/f/fork/branches/0/a"
    run.retry()
    assert [effect.reference[-1] for effect in run.open] == ["a"]
    run.answer("a", "a")
    assert run.output == ["a", "b"]
