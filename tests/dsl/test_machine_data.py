"""Data: input, output, export, schemas, and what expressions can see."""

import pytest

from lib import dsl
from lib.errors import InvalidDocument
from tests.dsl.play import Play, call, document, play

NUMBER = {"document": {"type": "number"}}


def kind(fault):
    return fault.type.rsplit("/", 1)[1]


def test_set_gives_literals_and_expressions():
    value = {"a": 1, "b": "${ .x }", "c": ["${ .x }", ".x", "say ${ .x }"]}
    assert play(document({"s": {"set": value}}), {"x": 7}).output == {"a": 1, "b": 7, "c": [7, ".x", "say ${ .x }"]}


def test_input_from_makes_the_task_input_of_the_raw_input():
    task = {"input": {"from": ".user"}, "set": {"input": "${ . }", "raw": "${ $task.input }", "same": "${ $input }"}}
    output = play(document({"s": task}), {"user": "u"}).output
    assert output == {"input": "u", "raw": {"user": "u"}, "same": "u"}


def test_output_as_makes_the_output_of_the_raw_output():
    task = {
        "set": {"n": 2},
        "output": {"as": {"double": "${ .n * 2 }", "raw": "${ $task.output }", "in": "${ $input }"}},
    }
    assert play(document({"s": task}), "i").output == {"double": 4, "raw": {"n": 2}, "in": "i"}


def test_export_replaces_the_context_and_sees_the_transformed_output():
    task = {
        "set": {"n": 2},
        "output": {"as": ".n"},
        "export": {"as": {"was": "${ $context }", "n": "${ . + $output }"}},
    }
    run = play(document({"a": task}, {"b": task}, {"show": {"set": "${ $context }"}}))
    assert run.output == {"was": {"was": None, "n": 4}, "n": 4}


def test_the_context_is_null_at_first():
    assert play(document({"s": {"set": "${ $context }"}}), {"x": 1}).output is None


def test_the_workflow_has_an_input_and_an_output_of_its_own():
    parts = {"input": {"schema": NUMBER, "from": "{n: .}"}, "output": {"as": ".n + 1", "schema": NUMBER}}
    assert play(document({"s": {"set": {"n": "${ .n * 2 }"}}}, **parts), 4).output == 9


@pytest.mark.parametrize(
    ("parts", "where"),
    [
        ({"input": {"schema": NUMBER}}, "input"),
        ({"output": {"schema": NUMBER}}, "output"),
        ({"export": {"as": ".", "schema": NUMBER}}, "exported context"),
    ],
)
def test_a_value_that_breaks_a_schema_faults_the_task(parts, where):
    fault = play(document({"s": {"set": "${ . }", **parts}}), "text").fault
    assert (kind(fault), fault.status, fault.instance) == ("validation", 400, "/do/0/s")
    assert where in fault.detail


def test_an_invalid_workflow_input_faults_the_run_not_the_caller():
    run = play(document({"s": {"set": "1"}}, input={"schema": NUMBER}), "text")
    assert (kind(run.fault), run.fault.instance) == ("validation", "/")
    assert run.told() == [("started", "workflow"), ("faulted", "workflow")]


def test_schemas_look_before_input_from_and_after_output_as():
    task = {"input": {"schema": NUMBER, "from": '"text"'}, "set": "${ . }", "output": {"as": "3", "schema": NUMBER}}
    assert play(document({"s": task}), 1).output == 3


def test_a_broken_expression_faults_the_task_it_is_in():
    fault = play(document({"s": {"set": "${ .a.b }"}}), {"a": 1}).fault
    assert (kind(fault), fault.status, fault.instance) == ("expression", 400, "/do/0/s")


def test_descriptors_name_the_run_the_task_and_the_runtime():
    shown = {
        "id": "${ $workflow.id }",
        "version": "${ $workflow.definition.document.version }",
        "raw": "${ $workflow.input }",
        "at": "${ $workflow.startedAt }",
        "task": "${ [$task.name, $task.reference, $task.definition.output.as, $task.startedAt.iso8601] }",
        "runtime": "${ $runtime.name }",
    }
    output = play(document({"s": {"set": shown, "output": {"as": "."}}}, input={"from": "1"}), {"raw": True}).output
    assert output == {
        "id": "run-1",
        "version": "1.0.0",
        "raw": {"raw": True},
        "at": {"iso8601": "2024-01-01T12:00:00Z", "epoch": {"seconds": 1704110400, "milliseconds": 1704110400000}},
        "task": ["s", "/do/0/s", ".", "2024-01-01T12:00:00Z"],
        "runtime": "ratchet",
    }


class TestCalls:
    def test_arguments_are_evaluated_on_the_input_of_the_task(self):
        task = call(with_={"body": "${ .b }", "headers": {"x": "${ $task.name }"}}, input={"from": ".in"})
        run = Play(document({"c": task}), {"in": {"b": [1]}})
        arguments = run.resolve("c")
        assert (arguments["body"], arguments["headers"]) == ([1], {"x": "c"})

    def test_arguments_see_the_context_as_it_was_when_the_task_began(self):
        branches = [{"c": call(with_={"body": "${ $context }"})}, {"s": {"set": "1", "export": {"as": '"later"'}}}]
        tasks = [{"s": {"set": "0", "export": {"as": '"before"'}}}, {"f": {"fork": {"branches": branches}}}]
        assert Play(document(*tasks)).resolve("c")["body"] == "before"

    def test_arguments_see_loop_variables_and_caught_errors(self):
        caught = {"as": "err", "do": [{"c": call(with_={"body": "${ [$item, $err.status] }"})}]}
        task = {"try": [{"r": {"raise": {"error": {"type": "https://x.test/y", "status": 418}}}}], "catch": caught}
        run = Play(document({"loop": {"for": {"in": '["a"]'}, "do": [{"t": task}]}}))
        assert run.resolve("c")["body"] == ["a", 418]

    @pytest.mark.parametrize("shape", [lambda uri: uri, lambda uri: {"uri": uri}])
    def test_an_endpoint_is_a_uri_template_on_the_input(self, shape):
        endpoint = shape("https://x.test/{id}/{a.b}/{none}/{yes}?q={q}")
        run = Play(
            document({"c": call(with_={"endpoint": endpoint})}), {"id": 7, "a.b": "d", "yes": True, "q": "a b&c/é"}
        )
        resolved = run.resolve("c")["endpoint"]
        assert resolved == shape("https://x.test/7/d//true?q=a%20b%26c%2F%C3%A9")

    def test_braces_elsewhere_are_plain_text(self):
        run = Play(document({"c": call(with_={"body": "{id}", "endpoint": '${ "https://x.test/{id}" }'})}), {"id": 7})
        assert (run.resolve("c")["body"], run.resolve("c")["endpoint"]) == ("{id}", "https://x.test/{id}")

    def test_an_object_cannot_be_part_of_a_uri(self):
        run = Play(document({"c": call(with_={"endpoint": "https://x.test/{id}"})}), {"id": {}})
        with pytest.raises(dsl.Fault) as caught:
            run.resolve("c")
        assert (kind(caught.value), caught.value.instance) == ("expression", "/do/0/c")

    def test_a_named_authentication_is_put_in_its_place(self):
        endpoint = {"uri": "https://x.test", "authentication": {"use": "mine"}}
        use = {"authentications": {"mine": {"basic": {"username": "u", "password": "${ .p }"}}}}
        run = Play(document({"c": call(with_={"endpoint": endpoint})}, use=use), {"p": "secret"})
        assert run.resolve("c")["endpoint"]["authentication"] == {"basic": {"username": "u", "password": "secret"}}

    def test_a_result_is_the_raw_output(self):
        run = Play(document({"c": call(output={"as": ".id"})}))
        run.answer("c", {"id": 1})
        assert run.output == 1

    def test_any_function_name_is_an_effect(self):
        run = Play(document({"c": {"call": "http", "with": {"method": "get", "endpoint": "https://x.test"}}}))
        assert [(e.function, e.reference, e.visit, e.attempt) for e in run.open] == [("http", "/do/0/c", 1, 1)]


class TestSecrets:
    task = call(with_={"headers": {"authorization": "${ $secrets.token }"}})

    def test_are_given_when_the_arguments_are_evaluated(self):
        run = Play(document({"c": self.task}, use={"secrets": ["token"]}))
        assert run.resolve("c", token="t0p")["headers"]["authorization"] == "t0p"
        assert "t0p" not in str(run.state.dump())

    def test_one_that_is_missing_is_forbidden(self):
        run = Play(document({"c": self.task}, use={"secrets": ["token"]}))
        with pytest.raises(dsl.Fault) as caught:
            run.resolve("c")
        assert (kind(caught.value), caught.value.status) == ("authorization", 403)

    def test_one_that_is_not_declared_is_not_given(self):
        run = Play(document({"c": call(with_={"body": "${ $secrets }"})}, use={"secrets": ["token"]}))
        assert run.resolve("c", token="t", other="o")["body"] == {"token": "t"}

    def test_named_by_an_authentication_is_put_in_its_place(self):
        endpoint = {"uri": "https://x.test", "authentication": {"basic": {"use": "token"}}}
        run = Play(document({"c": call(with_={"endpoint": endpoint})}, use={"secrets": ["token"]}))
        resolved = run.resolve("c", token={"username": "u", "password": "p"})
        assert resolved["endpoint"]["authentication"] == {"basic": {"username": "u", "password": "p"}}

    def test_cannot_be_published_where_they_would_enter_the_state(self):
        with pytest.raises(InvalidDocument) as refused:
            document({"s": {"set": "${ $secrets.token }"}}, use={"secrets": ["token"]})
        assert [mistake["pointer"] for mistake in refused.value.extra["errors"]] == ["/do/0/s/set"]


def test_events_tell_references_never_data():
    run = play(
        document({"c": call(output={"as": ".id"})}), {"in": "PRIVATE"}, lambda effect, arguments: {"id": "PRIVATE"}
    )
    assert "PRIVATE" not in str(run.events)
    assert [event.type for event in run.events] == [
        "io.serverlessworkflow.workflow.started.v1",
        "io.serverlessworkflow.task.started.v1",
        "io.serverlessworkflow.task.completed.v1",
        "io.serverlessworkflow.workflow.completed.v1",
    ]
    assert run.events[1].data == {"task": "/do/0/c", "visit": 1, "attempt": 1, "function": "http"}
