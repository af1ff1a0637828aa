"""Latency: one run of five steps at a time, in every contender's own process, and ours over HTTP as it is deployed."""

import asyncio
import json
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

from lib.dev.functions import Invocation
from lib.dev.runtime import Instance, start_instance
from tests.bench.contenders import RATCHET, VITAL, Prepared
from tests.bench.lab import ROOT, Lab
from tests.bench.peers.protocol import STEPS_PER_RUN
from tests.bench.rounds import NotRun, Rounds, interleave
from tests.documents import document

OVER_HTTP = f"{RATCHET.name} over HTTP"
WARM_UP = 5
# Of functions that are deployed: the bench's own step is not among them.
DEPLOYED = document(
    [{f"step{n}": {"call": "slug", "with": {"text": f"Step {n}"}}} for n in range(STEPS_PER_RUN)], "deployed"
)
FIRST_EFFECTS = """
select coalesce(json_agg(extract(epoch from s.started_at - r.created_at) * 1000), '[]')
from ratchet.runs r join ratchet.steps s on s.run_id = r.id and s.reference = '/do/0/step0'
"""


def measure(lab: Lab, prepared: Prepared, runs: int) -> dict[str, list[float]]:
    """Milliseconds until each run was done, and until its first step began; a worker is there and idle."""
    with lab.copy(prepared.template) as url, prepared.processes(url, 1) as (worker,):
        worker.ask("latency", runs=WARM_UP)
        return dict(worker.ask("latency", runs=runs))


def compare(lab: Lab, field: list[Prepared], *, runs: int, rounds: int, http: bool) -> Rounds[dict[str, list[float]]]:
    """Everybody, and if so wished ours over HTTP, round by round."""
    cases = {prepared.contender.name: lambda prepared=prepared: measure(lab, prepared, runs) for prepared in field}
    if http:
        ours = next(each for each in field if each.contender is RATCHET)
        cases[OVER_HTTP] = lambda: over_http(lab, ours, runs)
    return interleave(rounds, cases, vital=[one.name for one in VITAL])


def over_http(lab: Lab, ours: Prepared, runs: int) -> dict[str, list[float]]:
    """The same through the platform's own runtime: POST with `Prefer: wait`, answered when the run has completed."""
    with lab.copy(ours.template) as url:
        samples = asyncio.run(_within(ours.patience, _post_runs(url, runs + WARM_UP)))[WARM_UP:]
        first = lab.query(url, FIRST_EFFECTS)[0][WARM_UP:]
    return {"whole": samples, "first": first}


async def _within[T](seconds: float, work: Awaitable[T]) -> T:
    async with asyncio.timeout(seconds):
        return await work


async def _post_runs(url: str, runs: int) -> list[float]:
    env = {"DATABASE_URL": url, "RATCHET_API_KEYS": "bench"}
    publisher = await start_instance(ROOT, ROOT / "api" / "workflows.py", env, lambda *_: None)
    try:
        await _request(publisher, 0, "/workflows", DEPLOYED)
    finally:
        await publisher.stop()
    instance = await start_instance(ROOT, ROOT / "api" / "workflow_runs.py", env, lambda *_: None)
    try:
        return [await _time_run(instance, number) for number in range(1, runs + 1)]
    finally:
        await instance.stop()


async def _time_run(instance: Instance, number: int) -> float:
    begin = time.perf_counter()
    answer = await _request(instance, number, "/workflows/deployed/runs", {"input": {}}, b"prefer: wait=10")
    if answer.get("status") != "completed":
        raise NotRun(f"a POST that waits is answered with a run that is {answer.get('status')}")
    return (time.perf_counter() - begin) * 1000


async def _request(instance: Instance, number: int, path: str, body: Any, *headers: bytes) -> Any:
    """The body of the answer to a POST."""
    data = json.dumps(body).encode()
    told = Invocation(number, instance, datetime.now(UTC) + timedelta(seconds=300)).headers
    lines = [b"POST %s HTTP/1.1" % path.encode(), b"host: bench", b"connection: close", b"authorization: Bearer bench"]
    lines += [name + b": " + value for name, value in told]
    lines += [b"content-type: application/json", b"content-length: %d" % len(data), *headers]
    reader, writer = await asyncio.open_connection("127.0.0.1", instance.port)
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + data)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    answer = json.loads(await reader.readexactly(int(length.partition(b":")[2])))
    writer.close()
    return answer
