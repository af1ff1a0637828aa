"""One workflow by UUID, name, namespace/name or name@version: read, drawn, followed by a version, deleted."""

from lib import store
from lib.http import App, Request, Response, Route, answer, needs
from lib.http.diagram import read_diagram
from lib.http.queries import read_choice


async def read(request: Request) -> Response:
    """The newest version, or the one that is named."""
    return answer((await store.find_workflow(request.values["id"])).to_json())


async def publish_version(request: Request) -> Response:
    """201 for a new version of this name, 200 for one that is already published."""
    from lib.http.documents import read_submission

    replaced = await store.find_workflow(request.values["id"])
    document, kind = await read_submission(request, replaces=replaced)
    about = (document.namespace, document.name, document.version)
    workflow, created = await store.publish_workflow(*about, document.definition, kind, document.hash)
    headers = {"location": f"/workflows/{workflow.id}"}
    return answer(workflow.to_json(), 201 if created else 200, headers)


async def delete(request: Request) -> Response:
    """204; live runs forbid it, unless `?cascade=cancel` cancels them."""
    cascade = read_choice(request, "cascade", ("cancel",))
    workflow = await store.find_workflow(request.values["id"])
    await store.delete_workflow(workflow.id, cascade=cascade == "cancel")
    return Response(204)


app = App(
    Route("GET", "/workflows/{id}", read, needs("workflows:read")),
    Route("GET", "/workflows/{id}/diagram", read_diagram, needs("workflows:read")),
    Route("PUT", "/workflows/{id}", publish_version, needs("workflows:write")),
    Route("DELETE", "/workflows/{id}", delete, needs("workflows:write")),
)
