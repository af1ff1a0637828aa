"""POST /workflows/{id}/runs starts a run, GET lists that workflow's runs."""

from lib import engine, store
from lib.http import App, Request, Response, Route, answer, deadline, needs, pages
from lib.http.afterwards import afterwards
from lib.http.idempotency import read_idempotency
from lib.http.prefer import read_wait
from lib.http.runs import show_run, wait_for_end
from lib.http.start_body import read_start


async def start(request: Request) -> Response:
    """202 at once, and the run goes on after the response; with `Prefer: wait=N`, 200 if it ends in time."""
    body = read_start(await request.json(empty={}))
    idempotency = read_idempotency(request, {"input": body.input, "mode": body.mode})
    run, replayed = await engine.start(request.values["id"], body.input, body.mode, idempotency=idempotency)
    request.noted["run_id"] = str(run.id)
    headers = {"location": f"/runs/{run.id}"}
    if replayed:
        headers["idempotency-replayed"] = "true"
    after = afterwards(lambda: engine.advance_run(run.id, deadline()))
    seconds = read_wait(request)
    if seconds is not None:
        headers["preference-applied"] = f"wait={seconds}"
        run, after = await wait_for_end(run, seconds, after)
    if not run.terminal:
        headers["retry-after"] = "1"
    return answer(show_run(run, request.caller), 200 if run.terminal else 202, headers, after)


async def list_runs(request: Request) -> Response:
    """A page of them, newest first."""
    workflow = await store.find_workflow(request.values["id"])
    return answer(await pages.list_runs(request, workflow.id))


app = App(
    Route("POST", "/workflows/{id}/runs", start, needs("runs:write")),
    Route("GET", "/workflows/{id}/runs", list_runs, needs("runs:read")),
)
