"""A question as it comes over HTTP, with who asks it."""

from typing import Any

from lib.calls import asking
from lib.calls.asking import Asked
from lib.http import rates
from lib.http.bodies import AskQuestion, read_model
from lib.http.deadline import seconds_left
from lib.http.request import Request


async def ask(request: Request) -> dict[str, Any]:
    """The answer of `POST /db/ask`; where its caller stands with the quota is told in the headers."""

    def tell(quota: tuple[int, int], remaining: int, wait_seconds: int) -> None:
        rates.tell(request, "statements", quota, remaining, wait_seconds)

    body = read_model(AskQuestion, await request.json())
    asked = Asked(
        question=body.question,
        execute=body.execute,
        caller_name=request.caller.name,
        scopes=request.caller.scopes,
        seconds=seconds_left(),
    )
    return await asking.ask(asked, tell)
