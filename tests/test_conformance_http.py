"""The specification's own conformance kit, and our own scenarios, run by a client over HTTP on the whole product.

The documents are published as the kit writes them, but for one thing: where a call leaves for the internet
(`https://petstore.swagger.io/…`, `https://httpbin.org/…`), it goes to a stand-in on loopback instead, which
answers what those hosts would. What is expected is read by the same sentences as on the pure machine.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from lib import dsl
from lib.dev.postgres import Server
from lib.dev.server import LocalPlatform
from tests.conftest import Reach
from tests.dsl.gherkin import Scenario
from tests.dsl.play import Play
from tests.dsl.scenario import contains
from tests.dsl.test_conformance import PETSTORE, check, kit, read
from tests.dsl.test_scenarios import ABOUT, SCENARIOS
from tests.service import Request, Service

pytestmark = pytest.mark.anyio

OUTSIDE = re.compile(r"""((?:uri|endpoint): *["']?)https?://[^/\s"']+""")
PETS = {1: "available", 2: "pending", 3: "sold"}
STATUS = {dsl.Completed: "completed", dsl.Faulted: "failed"}


class StandIn(Service):
    """Petstore and httpbin, as far as the kit calls them; 404 for anything else."""

    def _decide(self, request: Request) -> tuple[int, Any]:
        url = urlsplit(request.path)
        match [request.method.upper(), *url.path.strip("/").split("/")]:
            case ["GET", "v2", "swagger.json"]:
                return 200, {**PETSTORE, "host": urlsplit(self.url).netloc, "schemes": ["http"]}
            case ["GET", "v2", "pet", "findByStatus"]:
                return find_pets(parse_qs(url.query).get("status", []))
            case ["GET", "v2", "pet", number] if number.isdigit() and int(number) in PETS:
                return 200, pet(int(number))
            case ["GET", "basic-auth", user, password]:
                return log_in(user, password, request.headers.get("authorization"))
        return 404, {"message": f"nothing at {request.path}"}


class Watched(Play):
    """A run that its client has followed to the end, asked like one that was played."""

    def __init__(self, run: dict[str, Any], events: list[dict[str, Any]]) -> None:
        fault = run["error"] and dsl.Fault.from_json(run["error"])
        outcome = dsl.Faulted(fault) if fault else dsl.Completed(run["result"])
        assert run["status"] == STATUS[type(outcome)]
        assert fault is None or fault.to_json() == run["error"], "the error is the problem object and no more"
        self.events = [dsl.Event(event["type"], event["data"]) for event in events]
        unseen = dsl.State(run["id"], started=0, input=run["input"], frames={}, visits={})
        self.transition = dsl.Transition(unseen, outcome=outcome)


def pet(number: int) -> dict[str, Any]:
    return {"id": number, "name": "Milou", "status": PETS[number]}


def find_pets(statuses: list[str]) -> tuple[int, Any]:
    if not statuses or not set(statuses) <= set(PETS.values()):
        return 400, {"message": "Invalid status value"}
    return 200, [pet(number) for number, status in PETS.items() if status in statuses]


def log_in(user: str, password: str, given: str | None) -> tuple[int, Any]:
    if given != "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode():
        return 401, {"authenticated": False}
    return 200, {"authenticated": True, "user": user}


@pytest.fixture(scope="module")
def one_database(server: Server, template: str, reach: Reach) -> Iterator[str]:
    """The URL of a database for all scenarios, as a deployment has one."""
    server.create_database("conformance", template=template)
    yield reach(server.url("conformance"))
    server.drop_database("conformance")


@pytest.fixture(scope="module")
async def stand_in() -> AsyncIterator[StandIn]:
    """The rest of the internet."""
    async with StandIn() as running:
        yield running


@pytest.fixture(scope="module")
async def http(one_database: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the local platform; its functions may call loopback."""
    env = {"DATABASE_URL": one_database, "RATCHET_ALLOW_ADDRESSES": "loopback"}
    async with LocalPlatform(env=env) as running, httpx.AsyncClient(base_url=running.url, timeout=30) as client:
        yield client


@pytest.mark.usefixtures("configure")  # a function's process, started by its first request, inherits our environment
@pytest.mark.parametrize("scenario", kit())
async def test_conformance_over_http(scenario: Scenario, http: httpx.AsyncClient, stand_in: StandIn):
    definition, body, run = "", {}, None
    for step in scenario.steps:
        if step.text == "a workflow with definition:":
            definition = OUTSIDE.sub(rf"\g<1>{stand_in.url}", step.block or "")
        elif step.text == "given the workflow input is:":
            body = {"input": read(step.block or "")}
        elif step.text == "the workflow is executed":
            run = await execute(http, definition, body)
        else:
            check(run, step.text, None if step.block is None else read(step.block))
    assert run is not None


async def execute(http: httpx.AsyncClient, definition: str, body: dict[str, Any]) -> Watched:
    """Publish, run and wait, then delete at once: some scenarios share a name and a version."""
    published = await http.post("/workflows", content=definition, headers={"content-type": "application/yaml"})
    assert published.status_code == 201, published.text
    workflow = f"/workflows/{published.json()['id']}"
    answer = await http.post(f"{workflow}/runs", json=body, headers={"prefer": "wait=20"})
    deleted = await http.delete(workflow, params={"cascade": "cancel"})
    assert deleted.status_code == 204, deleted.text
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=20"), answer.text
    history = (await http.get(f"{answer.headers['location']}/events", params={"limit": 100})).json()
    assert history["next"] is None
    return Watched(answer.json(), history["events"])


# What needs no stand-in, no event, no time and no process, and does not tell the played run's clock or name.
ELSEWHERE = re.compile(r'run-1|2024-01-01|"shell"|"script"')
ALONE = [
    case.values[0]
    for case in SCENARIOS
    if not case.values[0].keys() & {"answers", "events", "waits", "secrets"} and not case.values[0].get("seconds")
    if not ELSEWHERE.search(json.dumps(case.values[0]))
]
AT_ONCE = 4


@pytest.mark.usefixtures("configure")
async def test_every_scenario_that_stands_alone_holds_over_http(http: httpx.AsyncClient):
    turns = asyncio.Semaphore(AT_ONCE)

    async def hold(number: int, scenario: dict[str, Any]) -> None:
        about = {**ABOUT, "name": f"alone-{number}"}
        definition = {**scenario["definition"], "document": {**scenario["definition"].get("document", {}), **about}}
        async with turns:
            run = await execute(http, json.dumps(definition), {"input": scenario.get("input")})
        compare(run, scenario)

    assert len(ALONE) > 100
    await asyncio.gather(*(hold(number, scenario) for number, scenario in enumerate(ALONE)))


def compare(run: Watched, scenario: dict[str, Any]) -> None:
    """Holds a finished run against what its scenario says; a number is written as it has to be read."""
    name = scenario["name"]
    if "fault" in scenario:
        found = run.fault.to_json()
        assert contains({**found, "type": found["type"].rpartition("/")[2]}, scenario["fault"]), (name, found)
    else:
        written = [json.dumps(value, sort_keys=True) for value in (run.output, scenario["output"])]
        assert written[0] == written[1], name
    if "order" in scenario:
        assert run.order() == scenario["order"], name
