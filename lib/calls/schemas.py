"""Schemas from elsewhere: fetched when a workflow is published, and from then on part of its document.

Rule: what was fetched stands as `document` beside the `resource` it came from, and whatever has a `document` is never
fetched: neither by a run nor when the definition is published again.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import getitem
from typing import Any

from lib import errors
from lib.calls import publishing
from lib.calls.walking import Path, object_of, owners, pointer
from lib.dsl import faults, limits
from lib.dsl.schemas import is_missing

MOST_FETCHED = 20


async def pin(definition: Any) -> Any:
    """The definition with the document of every schema it has by `resource`; raises InvalidDocument.

    What is not well-formed is left as it is, for the document's own checks to name.
    """
    missing = list(_missing(definition))
    if not missing:
        return definition
    pinned, size = copy.deepcopy(definition), 0
    fetched: dict[str, tuple[Any, int]] = {}
    for path, endpoint in missing:
        asked = json.dumps(endpoint, sort_keys=True)
        try:
            if asked not in fetched:
                fetched[asked] = await _fetch(definition, endpoint, known=len(fetched))
            document, more = fetched[asked]
            size += more
            if size > limits.DOCUMENT_BYTES:  # few fetched texts at many places are much
                raise faults.configuration(f"all schemas together have more than {limits.DOCUMENT_BYTES} bytes.")
        except faults.Fault as fault:
            problem = {
                "pointer": pointer((*path, "resource")),
                "detail": f"the schema cannot be fetched: {fault.detail}",
            }
            raise errors.InvalidDocument(errors=[problem]) from None
        reduce(getitem, path, pinned)["document"] = document
    return pinned


async def _fetch(definition: dict[str, Any], endpoint: Mapping[str, Any], *, known: int) -> tuple[Any, int]:
    """A schema and its size as JSON, if the document does not know too many already."""
    if known == MOST_FETCHED:
        raise faults.configuration(f"A document may have {MOST_FETCHED} schemas from elsewhere.")
    found = await publishing.fetch(endpoint["uri"], endpoint.get("authentication"), object_of(definition.get("use")))
    if not isinstance(found, dict | bool):
        raise faults.configuration("what is there is no JSON Schema, an object.")
    return found, len(json.dumps(found))


def _missing(definition: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Where the schemas stand that have to be fetched, in the order of the document, and from which endpoint."""
    for path, owner in owners(definition):
        for part in ("input", "output", "export"):
            schema = object_of(object_of(owner.get(part)).get("schema"))
            if is_missing(schema) and (endpoint := _endpoint(schema["resource"])):
                yield (*path, part, "schema"), endpoint


def _endpoint(resource: Any) -> Mapping[str, Any] | None:
    """The endpoint as an object, if it is one that can be asked without knowing any input."""
    endpoint = object_of(resource).get("endpoint")
    endpoint = {"uri": endpoint} if isinstance(endpoint, str) else object_of(endpoint)
    uri = endpoint.get("uri")
    return endpoint if isinstance(uri, str) and "{" not in uri else None
