"""`call: embed`, `call: remember` and `call: recall`, and the same for /db/documents: texts by meaning and by words.

Without a model for embeddings, texts are kept and found by their words alone; the answer says which.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lib import store
from lib.calls.context import CallContext
from lib.calls.failures import as_fault
from lib.complaints import sum_up
from lib.dbtool import model
from lib.dsl import faults
from lib.errors import RatchetError, Unprocessable

MAX_DOCUMENTS = 100
MAX_TEXT_BYTES = 100 * 1024
MAX_METADATA_BYTES = 16 * 1024
# Common models read 8,191 tokens, and hardly any text has more tokens than characters. The words of all of it count.
EMBEDDED_CHARACTERS = 8000
SECONDS = 30.0


def _text(text: str) -> str:
    if "\0" in text or len(text.encode()) > MAX_TEXT_BYTES:
        raise ValueError(f"must have at most {MAX_TEXT_BYTES} bytes and no NUL character")
    return text


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(value, allow_nan=False)
    if len(text) > MAX_METADATA_BYTES or "\\u0000" in text.replace("\\\\", ""):
        raise ValueError(f"must have at most {MAX_METADATA_BYTES} bytes and no NUL character")
    return value


def _collection(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        raise ValueError("must be 1 to 100 letters, digits, hyphens, dots and underscores, the first a letter or digit")
    return name


type Text = Annotated[str, Field(min_length=1), AfterValidator(_text)]
type Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
type Collection = Annotated[str, AfterValidator(_collection)]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Document(_Arguments):
    """A text to be kept; its key is a hash of the text unless it has one."""

    text: Text
    key: Annotated[Text, Field(max_length=200)] | None = None
    metadata: Metadata = {}


class Documents(_Arguments):
    """The body of `POST /db/documents`."""

    collection: Collection
    documents: Annotated[list[Document], Field(min_length=1, max_length=MAX_DOCUMENTS)]


class Remember(Document):
    """The arguments of `call: remember`."""

    collection: Collection


class Recall(_Arguments):
    """The arguments of `call: recall`; `filter` is what the metadata of the found must contain."""

    collection: Collection
    query: Annotated[Text, Field(max_length=EMBEDDED_CHARACTERS)]
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    filter: Metadata | None = None


class Embed(_Arguments):
    """The arguments of `call: embed`: one text or several."""

    text: Text | None = None
    texts: Annotated[list[Text], Field(max_length=model.MAX_TEXTS)] | None = None


class Found(NamedTuple):
    """What was found, and whether meaning counted (`hybrid`) or words alone (`text`)."""

    ranking: Literal["hybrid", "text"]
    memories: list[store.Recalled]


async def keep(collection: str, documents: Sequence[Document], *, seconds: float = SECONDS) -> list[store.Remembered]:
    """Keep these documents, in place of those of the same keys; raises RatchetErrors."""
    keys = [document.key or hashlib.sha256(document.text.encode()).hexdigest() for document in documents]
    if len(set(keys)) < len(keys):
        raise Unprocessable("Two of these documents have one key, or one text and no key.")
    vectors: Sequence[list[float] | None] = [None] * len(documents)
    name = None
    if model.can_embed():
        embeddings = await embed_texts([document.text for document in documents], seconds=seconds)
        vectors, name = embeddings.vectors, embeddings.model
    rows = zip(keys, documents, vectors, strict=True)
    memories = [store.NewMemory(key, document.text, document.metadata, vector) for key, document, vector in rows]
    return await store.remember(collection, memories, name)


async def find(asked: Recall, *, seconds: float = SECONDS) -> Found:
    """The best of a collection for a query; raises RatchetErrors."""
    if not model.can_embed():
        found = await store.recall(asked.collection, asked.query, metadata=asked.filter, limit=asked.limit)
        return Found("text", found)
    embeddings = await embed_texts([asked.query], seconds=seconds)
    found = await store.recall(
        asked.collection,
        asked.query,
        embedding=embeddings.vectors[0],
        model=embeddings.model,
        metadata=asked.filter,
        limit=asked.limit,
    )
    return Found("hybrid", found)


async def embed_texts(texts: Sequence[str], *, seconds: float) -> model.Embeddings:
    """Vectors of these texts, or of their beginnings, that the store can keep."""
    beginnings = [text[:EMBEDDED_CHARACTERS] for text in texts]
    return await model.embed(beginnings, seconds=seconds, dimensions=store.DIMENSIONS)


async def embed(arguments: Any, context: CallContext) -> Any:
    """`call: embed`: `{vector}` of one text or `{vectors}` of several, and the model's name; raises a Fault."""
    asked = _read(Embed, arguments, "embed")
    if (asked.text is None) == (asked.texts is None):
        raise faults.validation("`embed` takes either `text` or `texts`.")
    texts = asked.texts if asked.texts is not None else [asked.text or ""]
    if not texts:
        return {"vectors": [], "model": None}
    try:
        found = await model.embed(texts, seconds=context.timeout_seconds)
    except RatchetError as exc:
        raise as_fault(exc) from None
    vectors = {"vector": found.vectors[0]} if asked.texts is None else {"vectors": found.vectors}
    return {**vectors, "model": found.model}


async def remember(arguments: Any, context: CallContext) -> Any:
    """`call: remember`: `{key, created}`; the same again keeps one document, so a repetition does no harm."""
    asked = _read(Remember, arguments, "remember")
    try:
        [kept] = await keep(asked.collection, [asked], seconds=context.timeout_seconds)
    except RatchetError as exc:
        raise as_fault(exc) from None
    return {"key": kept.key, "created": kept.created}


async def recall(arguments: Any, context: CallContext) -> Any:
    """`call: recall`: a list of `{key, text, metadata, score}`, the best first; raises a Fault."""
    asked = _read(Recall, arguments, "recall")
    try:
        found = await find(asked, seconds=context.timeout_seconds)
    except RatchetError as exc:
        raise as_fault(exc) from None
    return [
        {"key": memory.key, "text": memory.text, "metadata": memory.metadata, "score": memory.score}
        for memory in found.memories
    ]


def _read[Model: BaseModel](shape: type[Model], arguments: Any, function: str) -> Model:
    """The evaluated arguments; raises a Fault that names what is wrong, never its value."""
    try:
        return shape.model_validate(arguments)
    except ValidationError as exc:
        raise faults.validation(f"`{function}` was called wrongly: {sum_up(exc)}") from None
