"""The specification's own conformance kit, run on the pure machine; the services it calls are played here."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from lib import dsl
from lib.calls import openapi
from lib.dsl import faults
from tests.dsl.gherkin import Scenario, read_scenarios
from tests.dsl.play import Play

KIT = Path(__file__).parents[2].parent / "shared" / "serverless-workflow" / "ctk" / "features"
# What the language has and this machine does not run yet: each line goes when its construct comes.
NOT_BUILT: dict[str, str] = {}
PETSTORE = {
    "swagger": "2.0",
    "host": "petstore.swagger.io",
    "basePath": "/v2",
    "schemes": ["https", "http"],
    "paths": {
        "/pet/findByStatus": {
            "get": {
                "operationId": "findPetsByStatus",
                "parameters": [{"name": "status", "in": "query", "type": "array", "collectionFormat": "multi"}],
            }
        },
        "/pet/{petId}": {
            "get": {
                "operationId": "getPetById",
                "parameters": [{"name": "petId", "in": "path", "required": True, "type": "integer"}],
            }
        },
    },
}
QUOTED = re.compile(r"'([^']+)'")
MISSING = object()


def kit() -> list[Any]:
    if not KIT.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason="conformance kit not found: not run"))]
    found = []
    for path in sorted(KIT.glob("*.feature")):
        for scenario in read_scenarios(path):
            name = f"{path.stem}/{scenario.name}"
            marks = [pytest.mark.xfail(strict=True, reason=NOT_BUILT[name])] if name in NOT_BUILT else []
            found.append(pytest.param(scenario, id=name, marks=marks))
    return found


@pytest.mark.parametrize("scenario", kit())
def test_conformance(scenario: Scenario):
    given: dict[str, Any] = {"input": None}
    run = None
    for step in scenario.steps:
        if step.text == "a workflow with definition:":
            given["definition"] = read(step.block)
        elif step.text == "given the workflow input is:":
            given["input"] = read(step.block)
        elif step.text == "the workflow is executed":
            run = Play(dsl.compile_document(given["definition"]), given["input"]).run(services)
        else:
            check(run, step.text, None if step.block is None else read(step.block))
    assert run is not None


@pytest.mark.skipif(not KIT.is_dir(), reason="conformance kit not found: not run")
def test_the_whole_kit_is_read():
    names = {case.id for case in kit()}
    assert set(NOT_BUILT) <= names
    assert len(names) == sum(path.read_text().count("Scenario:") for path in KIT.glob("*.feature"))


def read(text: str) -> Any:
    return dsl.read(text, "application/yaml")


def check(run: Play, text: str, expected: Any) -> None:
    """One `Then` of the kit; a sentence that is not known is an error, not a pass."""
    quoted = QUOTED.findall(text)
    if text == "the workflow should complete":
        assert isinstance(run.transition.outcome, dsl.Completed)
    elif text == "the workflow should complete with output:":
        assert run.output == expected
    elif text == "the workflow should fault":
        assert run.fault
    elif text == "the workflow should fault with error:":
        assert run.fault.to_json() == expected
    elif text.startswith("the workflow output should have properties "):
        assert all(find(run.output, path) is not MISSING for path in quoted)
    elif text.endswith(" property with value:"):
        assert find(run.output, quoted[0]) == expected
    elif match := re.search(r" property containing (\d+) items$", text):
        assert len(find(run.output, quoted[0])) == int(match[1])
    elif match := re.fullmatch(r"(\w+) should run (first|last)", text):
        assert run.order()[0 if match[2] == "first" else -1] == match[1]
    elif match := re.fullmatch(r"(\w+) should run after (\w+)", text):
        assert run.order().index(match[1]) > run.order().index(match[2])
    else:
        raise AssertionError(f"unknown sentence: {text}")


def find(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    return value


def services(effect: dsl.Effect, arguments: Any) -> Any:
    """Petstore and httpbin, as far as the kit calls them."""
    if effect.function == "openapi":
        assert arguments["document"]["endpoint"] == "https://petstore.swagger.io/v2/swagger.json"
        arguments = openapi.to_http(PETSTORE, arguments, arguments["document"]["endpoint"])
        arguments["endpoint"] = arguments["endpoint"]["uri"]
        if arguments["query"]:
            arguments["endpoint"] += "?" + urlencode(arguments["query"])
    else:
        assert effect.function == "http"
    endpoint = arguments["endpoint"]
    uri = endpoint["uri"] if isinstance(endpoint, dict) else endpoint
    content = answer(uri, endpoint)
    if isinstance(content, dsl.Fault) or arguments.get("output") != "response":
        return content
    request = {"method": arguments["method"], "uri": uri, "headers": {}}
    return {"request": request, "statusCode": 200, "headers": {}, "content": content}


def answer(uri: str, endpoint: Any) -> Any:
    pets, _, rest = uri.partition("https://petstore.swagger.io/v2/pet/")
    if not pets and rest.isdigit():
        return {"id": int(rest), "name": "Milou", "status": "available"}
    if rest == "findByStatus?status=available":
        return [{"id": 1, "name": "Milou", "status": "available"}]
    if uri == "https://httpbin.org/basic-auth/serverless-workflow/conformance-test":
        assert endpoint["authentication"]["basic"] == {
            "username": "serverless-workflow",
            "password": "conformance-test",
        }
        return {"authenticated": True, "user": "serverless-workflow"}
    return faults.communication(f"nothing at {uri}", 404)
