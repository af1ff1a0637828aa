"""Compiled documents, kept by their hash: a document never changes, so neither does its compiled form."""

from collections import OrderedDict

from lib import dsl, store

_KEPT = 128
_compiled: OrderedDict[bytes, dsl.Document] = OrderedDict()


async def load_document(document_hash: bytes) -> dsl.Document:
    """The compiled document with this hash; raises dsl.Fault when this release can no longer run it."""
    if document_hash not in _compiled:
        definition = await store.read_document(document_hash)
        _compiled[document_hash] = dsl.load_document(definition)
        if len(_compiled) > _KEPT:
            _compiled.popitem(last=False)
    _compiled.move_to_end(document_hash)
    return _compiled[document_hash]
