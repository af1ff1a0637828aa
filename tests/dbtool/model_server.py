"""A local OpenAI-compatible server over real HTTP: chats follow a script, embeddings count words.

Two texts that share words get vectors that point in similar directions; that is all a test of ranking needs.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

type Answer = tuple[int, Any] | bytes | None


@dataclass
class Asked:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def said(self) -> str:
        """All that a chat was told, in one text."""
        return "\n".join(message["content"] for message in self.body["messages"])


def message(text: str) -> tuple[int, Any]:
    """A chat's answer of this text."""
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    return 200, {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}


def proposal(sql: str, explanation: str = "because") -> tuple[int, Any]:
    """A chat's answer that proposes this SQL."""
    return message(json.dumps({"sql": sql, "explanation": explanation}))


def error(status: int, code: str = "some_code", text: str = "no") -> tuple[int, Any]:
    """An answer that is an error."""
    return status, {"error": {"code": code, "message": text}}


@dataclass
class ModelServer:
    """Answers chats with `script`, one after another, and embeddings with vectors of `dimensions` numbers.

    An answer is a status and JSON, the bytes of a body, or None: silence until the client leaves.
    """

    script: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    dimensions: int = 64
    obeys_dimensions: bool = True
    embeddings: Callable[[list[list[float]]], Answer] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        self._left = asyncio.Event()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._left.set()
        self._server.close()

    @property
    def chats(self) -> list[Asked]:
        """The requests for chats, in order."""
        return [asked for asked in self.asked if asked.path == "/v1/chat/completions"]

    @property
    def embedded(self) -> list[str]:
        """The texts that were to become vectors, in order."""
        return [text for asked in self.asked if asked.path == "/v1/embeddings" for text in asked.body["input"]]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(await self._read(head, reader), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _read(self, head: bytes, reader: asyncio.StreamReader) -> Asked:
        first, *lines = head.decode().rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Asked(first.split()[1], headers, json.loads(body))

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.asked.append(asked)
        answer = self._embed(asked.body) if asked.path == "/v1/embeddings" else self.script.pop(0)
        if answer is None:
            await self._left.wait()
            return
        status, body = (200, answer) if isinstance(answer, bytes) else (answer[0], json.dumps(answer[1]).encode())
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body)
        await writer.drain()

    def _embed(self, body: dict[str, Any]) -> Answer:
        dimensions = body.get("dimensions", self.dimensions) if self.obeys_dimensions else self.dimensions
        vectors = [embedding(text, dimensions) for text in body["input"]]
        if self.embeddings:
            return self.embeddings(vectors)
        return self.rows(vectors)

    def rows(self, vectors: list[list[float]]) -> Answer:
        """The answer of these vectors, in an order of the server's own."""
        rows = [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]
        return 200, {"data": rows[::-1], "usage": {"total_tokens": 3}}


def embedding(text: str, dimensions: int) -> list[float]:
    """How often each word stands in the text, each word at a place of its own."""
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % dimensions] += 1.0
    return vector
