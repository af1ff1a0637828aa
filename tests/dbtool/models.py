"""A scripted model that the settings lead to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.conftest import Configure
from tests.dbtool.model_server import Answer, ModelServer


@asynccontextmanager
async def chat_model(configure: Configure, *script: Answer) -> AsyncIterator[ModelServer]:
    """A chat that answers these, one after another."""
    async with ModelServer(list(script)) as server:
        configure(RATCHET_MODEL="small", RATCHET_MODEL_URL=server.url, RATCHET_MODEL_KEY="sk-very-secret-key")
        yield server


@asynccontextmanager
async def embedding_model(configure: Configure) -> AsyncIterator[ModelServer]:
    """A model for embeddings, and none to chat with."""
    async with ModelServer() as server:
        configure(RATCHET_EMBEDDING_MODEL="vectors", RATCHET_EMBEDDING_URL=server.url)
        yield server
