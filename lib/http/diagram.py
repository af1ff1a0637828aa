"""A workflow as a picture: Mermaid text, which GitHub, editors and mermaid-cli draw."""

from lib import store
from lib.http.request import Request
from lib.http.response import Response

MEDIA_TYPE = "text/vnd.mermaid; charset=utf-8"


async def read_diagram(request: Request) -> Response:
    """The document's shape; the language is imported only when somebody asks for it."""
    from lib.dsl.diagram import draw

    workflow = await store.find_workflow(request.values["id"])
    return Response(200, draw(workflow.definition).encode(), {"content-type": MEDIA_TYPE})
