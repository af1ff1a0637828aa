"""GET /workflows lists what is published, POST /workflows publishes; `?dry_run=true` only checks."""

from lib import store
from lib.http import App, Request, Response, Route, answer, needs, pages
from lib.http.idempotency import read_idempotency
from lib.http.queries import read_choice


async def list_workflows(request: Request) -> Response:
    """A page, newest first."""
    return answer(await pages.list_workflows(request))


async def publish(request: Request) -> Response:
    """201 for a new version, 200 for the very same document again."""
    from lib.http.documents import read_submission

    document, kind = await read_submission(request)
    about = (document.namespace, document.name, document.version)
    if read_choice(request, "dry_run", ("true", "false")) == "true":
        shown = dict(zip(("namespace", "name", "version"), about, strict=True))
        return answer({**shown, "type": kind, "definition": document.definition, "valid": True})
    idempotency = read_idempotency(request, [document.hash, kind])
    workflow, created = await store.publish_workflow(
        *about, document.definition, kind, document.hash, idempotency=idempotency
    )
    headers = {"location": f"/workflows/{workflow.id}"}
    return answer(workflow.to_json(), 201 if created else 200, headers)


app = App(
    Route("GET", "/workflows", list_workflows, needs("workflows:read")),
    Route("POST", "/workflows", publish, needs("workflows:write")),
)
