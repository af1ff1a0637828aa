"""The ASGI application each api file ends in: route, authorise, answer, then work after the response."""

import traceback
from collections.abc import Mapping
from typing import Any

from lib.errors import RatchetError
from lib.http.lifespan import serve_lifespan
from lib.http.request import Receive, Request
from lib.http.response import After, Response, answer_problem
from lib.http.routes import Route, choose_route, list_verbs, match_path
from lib.http.send import Send, send_response
from lib.http.timing import Timing
from lib.log import bind, log


class App:
    """Answers its routes, and everything else with a problem; never with a traceback."""

    def __init__(self, *routes: Route) -> None:
        self.routes = routes

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one HTTP exchange, or the process's lifespan."""
        if scope["type"] == "lifespan":
            await serve_lifespan(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            with bind(request_id=request.id):
                await self._serve(request, send)
        else:  # a WebSocket: closing before accepting is a 403
            await send({"type": "websocket.close"})

    async def _serve(self, request: Request, send: Send) -> None:
        timing = Timing()
        response = await self._respond(request, timing)
        response.headers = {
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            "x-request-id": request.id,
            "server-timing": timing.header(),
            **request.answer_headers,
            **response.headers,
        }
        try:
            await send_response(request, response, send)
        finally:
            _log_request(request, response, timing)
        if response.after:
            await _work_after(response.after)

    async def _respond(self, request: Request, timing: Timing) -> Response:
        try:
            matches = match_path(self.routes, request.path)
            if request.method == "OPTIONS":
                return Response(204, headers={"allow": ", ".join(list_verbs(matches))})
            route, request.values = choose_route(matches, request.method)
            request.noted["route"] = route.pattern
            with timing.part("auth"):
                route.access(request)
            return await route.handler(request)
        except RatchetError as error:
            request.noted["error"] = type(error).__name__
            return answer_problem(error, request.path)
        except Exception:
            log("request.crashed", traceback=traceback.format_exc())
            return answer_problem(RatchetError(), request.path)


def _log_request(request: Request, response: Response, timing: Timing) -> None:
    log("request", method=request.method, status=response.status, ms=timing.ms, **request.noted)


async def _work_after(work: After) -> None:
    """Run it within this invocation; its failure is ours to log, the client has long had its answer."""
    try:
        await work()
    except Exception:
        log("after_response.crashed", traceback=traceback.format_exc())
