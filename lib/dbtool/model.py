"""Models behind an OpenAI-compatible API, asked over plain HTTP: a chat that proposes, texts that become vectors.

Rule: what such a server says about a failure is not repeated but for its code, because some repeat the key in it.
Where it is, and with which key, is the operator's word: its address is not judged, and no redirect is followed.
"""

import asyncio
import json
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lib.config import AI_GATEWAY, Endpoint, settings
from lib.errors import ModelFailed, NotSetUp, Unavailable

# A hundred vectors of 3,072 numbers, 22 characters each, with room to spare.
MAX_RESPONSE_BYTES = 8 * 1024 * 1024
MAX_TEXTS = 100
# What the smaller servers take in one request, and with long texts what the larger ones do.
_BATCH = 32
CONNECT_SECONDS = 10.0
_LARGEST = 3.4e38  # vectors are kept in single precision
_SHAPED = {"temperature": 0, "response_format": {"type": "json_object"}}
_CODE = re.compile(r"[A-Za-z][\w.-]{0,59}", re.ASCII)


@dataclass(frozen=True)
class Variables:
    """The names of the variables that lead to a model."""

    model: str
    key: str
    url: str

    def __str__(self) -> str:
        return f"{self.model}, and {self.key} for Vercel's AI Gateway or {self.url} for another server"


CHAT = Variables("RATCHET_MODEL", "RATCHET_MODEL_KEY (or AI_GATEWAY_API_KEY)", "RATCHET_MODEL_URL")
EMBEDDING = Variables("RATCHET_EMBEDDING_MODEL", "RATCHET_EMBEDDING_KEY", "RATCHET_EMBEDDING_URL")


@dataclass(frozen=True)
class Reply:
    """What a chat answered; `tokens` is None where the server does not count them."""

    text: str
    model: str
    tokens: int | None


@dataclass(frozen=True)
class Embeddings:
    """One vector for each text, all of one length."""

    vectors: list[list[float]]
    model: str
    tokens: int | None


class _Refused(Exception):
    """The server answered with this status, and perhaps a code."""

    def __init__(self, status: int, code: str, retry_after: str) -> None:
        super().__init__(status)
        self.status, self.code, self.retry_after = status, code, retry_after


def require_chat() -> Endpoint:
    """The chat's endpoint; raises NotSetUp naming what to set."""
    return _require(settings().chat, CHAT)


def can_embed() -> bool:
    """Whether a model for embeddings is configured."""
    return _is_set_up(settings().embedding)


def _require(endpoint: Endpoint, variables: Variables) -> Endpoint:
    if not _is_set_up(endpoint):
        raise NotSetUp(f"No model is configured for this: set {variables}.")
    return endpoint


def _is_set_up(endpoint: Endpoint) -> bool:
    """A model is named, and there is a key if it is the gateway's: a server of one's own may need none."""
    return bool(endpoint.model) and bool(endpoint.key or endpoint.url != AI_GATEWAY)


async def chat(messages: Sequence[Mapping[str, str]], *, seconds: float) -> Reply:
    """The answer to these messages, asked for as one JSON object; raises NotSetUp, ModelFailed, Unavailable.

    A server that does not take the options for that is asked again without them.
    """
    endpoint = require_chat()
    body = {"model": endpoint.model, "messages": list(messages)}
    attempts: list[dict[str, Any]] = [{**body, **_SHAPED}, body]
    answer = await _ask(endpoint, CHAT, "chat/completions", attempts, seconds)
    try:
        text = answer["choices"][0]["message"]["content"]
    except (LookupError, TypeError):
        text = None
    if not isinstance(text, str):
        raise ModelFailed("The model's server answered without a message.")
    return Reply(text, endpoint.model, _tokens(answer))


async def embed(texts: Sequence[str], *, seconds: float, dimensions: int | None = None) -> Embeddings:
    """The texts' vectors, at most MAX_TEXTS of them; raises NotSetUp, ModelFailed, Unavailable.

    `dimensions` is how long they may be: a model that gives more is asked for that many.
    """
    endpoint = _require(settings().embedding, EMBEDDING)
    end = time.monotonic() + seconds
    vectors: list[list[float]] = []
    tokens: int | None = 0
    wanted: dict[str, int] = {}
    for start in range(0, len(texts), _BATCH):
        batch = list(texts[start : start + _BATCH])
        body = {"model": endpoint.model, "input": batch, "encoding_format": "float"}
        found, used = await _embed(endpoint, {**body, **wanted}, end)
        if dimensions and len(found[0]) > dimensions and not wanted:
            wanted = {"dimensions": dimensions}
            found, used = await _embed(endpoint, {**body, **wanted}, end)
        if dimensions and len(found[0]) > dimensions:
            raise ModelFailed(f"The model's vectors have {len(found[0])} numbers; the limit is {dimensions}.")
        vectors += found
        tokens = tokens + used if tokens is not None and used is not None else None
    return Embeddings(vectors, endpoint.model, tokens)


async def _embed(endpoint: Endpoint, body: dict[str, Any], end: float) -> tuple[list[list[float]], int | None]:
    """One batch's vectors and tokens."""
    answer = await _ask(endpoint, EMBEDDING, "embeddings", [body], end - time.monotonic())
    return _vectors(answer, len(body["input"])), _tokens(answer)


def _vectors(answer: Any, count: int) -> list[list[float]]:
    """The vectors of an answer, in the order of the texts."""
    try:
        found = {row["index"]: [float(number) for number in row["embedding"]] for row in answer["data"]}
        vectors = [found[place] for place in range(count)]
    except (LookupError, TypeError, ValueError, OverflowError):
        raise ModelFailed("The model's server did not answer with one vector for each text.") from None
    lengths = {len(vector) for vector in vectors}
    if len(lengths) != 1 or 0 in lengths or not all(abs(n) < _LARGEST for vector in vectors for n in vector):
        raise ModelFailed("The model's vectors are not all of one length, or hold what is no number.")
    return vectors


def _tokens(answer: Any) -> int | None:
    usage = answer.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) else None


async def _ask(
    endpoint: Endpoint, variables: Variables, path: str, bodies: list[dict[str, Any]], seconds: float
) -> dict[str, Any]:
    """The JSON object that answers the first of these bodies that the server does not find fault with."""
    import httpx  # only who asks a model pays for an HTTP client

    *others, last = bodies
    try:
        async with asyncio.timeout(seconds), _client(endpoint) as client:
            for body in others:
                try:
                    return await _post(client, path, body)
                except _Refused as refused:
                    if refused.status not in (400, 422):
                        raise
            return await _post(client, path, last)
    except _Refused as refused:
        raise _failure(refused, endpoint, variables) from None
    except TimeoutError:
        raise ModelFailed(f"The model took longer than {seconds:g} s.") from None
    except httpx.HTTPError as exc:
        raise ModelFailed(f"The model's server cannot be reached, or broke off; see {variables.url}.") from exc


def _client(endpoint: Endpoint) -> Any:
    import httpx

    return httpx.AsyncClient(
        base_url=f"{endpoint.url}/",
        headers={"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {},
        timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),  # the caller's own covers the rest
        verify=_tls(),
        trust_env=False,
        follow_redirects=False,
    )


@cache
def _tls() -> ssl.SSLContext:
    """What the server's certificate is checked against; read once, as it takes 20 ms."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


async def _post(client: Any, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One exchange; the answer is taken as it comes from the wire, for what is packed could unpack to anything."""
    headers = {"accept-encoding": "identity", "content-type": "application/json"}
    async with client.stream("POST", path, content=json.dumps(body).encode(), headers=headers) as response:
        data = bytearray()
        async for chunk in response.aiter_raw():
            data += chunk
            if len(data) > MAX_RESPONSE_BYTES:
                raise ModelFailed(f"The model's answer is larger than {MAX_RESPONSE_BYTES} bytes.")
    answer = _read(bytes(data))
    if response.status_code != 200:
        raise _Refused(response.status_code, _code(answer), response.headers.get("retry-after", ""))
    if not isinstance(answer, dict):
        raise ModelFailed("The model's server did not answer with a JSON object.")
    return answer


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _code(answer: Any) -> str:
    """The code of an error, if it is a plain word."""
    error = answer.get("error") if isinstance(answer, dict) else None
    found = error.get("code") or error.get("type") if isinstance(error, dict) else None
    return found if isinstance(found, str) and _CODE.fullmatch(found) else ""


def _failure(refused: _Refused, endpoint: Endpoint, variables: Variables) -> ModelFailed | Unavailable:
    """What the caller is told of an answer that is an error."""
    said = f"{refused.status} {refused.code}".strip()
    if endpoint.key and endpoint.key in said:
        said = str(refused.status)
    match refused.status:
        case 401 | 403:
            return ModelFailed(f"The model's server refuses the key ({said}): see {variables.key}.")
        case 404:
            return ModelFailed(f"The model's server knows no such model or path ({said}): see {variables}.")
        case 429 | 503:
            wait = int(refused.retry_after) if re.fullmatch(r"\d{1,4}", refused.retry_after, re.ASCII) else 10
            return Unavailable(f"The model has too much to do ({said}): try again in {wait} s.", retry_after=wait)
        case _:
            return ModelFailed(f"The model's server answered with an error ({said}).")
