"""Which tables mean what a question means: descriptions of the user's tables, kept with their embeddings and recalled.

What is kept is refreshed when a description changes, by the next question; a table that is gone is not asked about.
"""

import hashlib
from collections.abc import Mapping, Sequence

from lib import store
from lib.calls.memory import embed_texts
from lib.config import settings
from lib.dbtool import model
from lib.dbtool.relevance import BEST, Name
from lib.errors import RatchetError
from lib.log import log

SECONDS = 20.0
# Of a schema that is larger, the next questions describe the rest.
_DESCRIBED_AT_ONCE = 500


async def rank(question: str, descriptions: Mapping[Name, str]) -> list[Name]:
    """The tables nearest to the question, best first; none without a model for embeddings, or where that fails."""
    if not model.can_embed():
        return []
    try:
        collection, names = _collection(), {".".join(name): name for name in descriptions}
        await _refresh(collection, {key: descriptions[name] for key, name in names.items()})
        asked = await embed_texts([question], seconds=SECONDS)
        found = await store.recall(collection, question, embedding=asked.vectors[0], model=asked.model, limit=2 * BEST)
    except RatchetError as exc:  # the words of the names still rank: a question is better answered than refused
        log("ask.without_meaning", error=type(exc).__name__)
        return []
    return [names[memory.key] for memory in found if memory.key in names]


def _collection() -> str:
    """A name that no collection of a caller's can have; each database has its own."""
    return f"schema:{hashlib.sha256(settings().database_tool.read_url.encode()).hexdigest()[:32]}"


async def _refresh(collection: str, descriptions: Mapping[str, str]) -> None:
    """Embed what is new or has changed."""
    hashes = {key: hashlib.sha256(text.encode()).hexdigest() for key, text in descriptions.items()}
    known = await store.read_metadata(collection, list(descriptions), settings().embedding.model)
    stale = [key for key in descriptions if known.get(key, {}).get("hash") != hashes[key]][:_DESCRIBED_AT_ONCE]
    for start in range(0, len(stale), model.MAX_TEXTS):
        batch: Sequence[str] = stale[start : start + model.MAX_TEXTS]
        found = await embed_texts([descriptions[key] for key in batch], seconds=SECONDS)
        memories = [
            store.NewMemory(key, descriptions[key], {"hash": hashes[key]}, vector)
            for key, vector in zip(batch, found.vectors, strict=True)
        ]
        await store.remember(collection, memories, found.model)
