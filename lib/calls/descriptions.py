"""OpenAPI descriptions: fetched through the guard, read, kept for a while; and the operation in one that has a name.

Rule: what a description was fetched with is part of what it is kept under, so that nobody reads one that its
server would not have given him.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urljoin

from lib import errors
from lib.calls import http
from lib.calls.context import CallContext
from lib.dsl import faults, reading

KEPT_SECONDS = 300.0
# Read, one of the largest allowed takes up to 40 MB.
MOST_KEPT = 8
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_MOST_REFERENCES = 20

_kept: dict[str, tuple[float, Mapping[str, Any]]] = {}


@dataclass(frozen=True)
class Operation:
    """One operation: `root` is its whole description, `path` a template, in `parameters` is no reference left."""

    root: Mapping[str, Any]
    server: str
    path: str
    method: str
    definition: Mapping[str, Any]
    parameters: list[Mapping[str, Any]]

    @property
    def swagger(self) -> bool:
        """Whether it is described in Swagger 2.0, not in OpenAPI 3."""
        return "swagger" in self.root


async def fetch(endpoint: Any, context: CallContext) -> Mapping[str, Any]:
    """The description at this endpoint; raises a Fault."""
    key = hashlib.sha256(json.dumps(endpoint, sort_keys=True).encode(errors="replace")).hexdigest()
    now = time.monotonic()
    kept = _kept.get(key)
    if kept and kept[0] > now:
        return kept[1]
    asked = {
        "method": "get",
        "endpoint": endpoint,
        "headers": {"accept": "application/json, application/yaml;q=0.9, */*;q=0.8"},
        "output": "raw",
        "redirect": True,
    }
    # how the description was asked for is not how the operation is called
    found = _read(base64.b64decode(await http.call(asked, replace(context, authorizations=[]))))
    _kept.pop(key, None)
    if len(_kept) >= MOST_KEPT:
        del _kept[next(iter(_kept))]
    _kept[key] = now + KEPT_SECONDS, found
    return found


def forget() -> None:
    """Forget every description that was kept."""
    _kept.clear()


def _read(data: bytes) -> Mapping[str, Any]:
    media = "application/json" if data.lstrip().startswith(b"{") else "application/yaml"
    try:
        found = reading.read(data, media)
    except errors.RatchetError as exc:
        raise faults.configuration(f"The OpenAPI document cannot be read: {exc}") from None
    version = _object(found).get("openapi", _object(found).get("swagger"))
    if not isinstance(version, str) or not version.startswith(("2.", "3.")):
        raise faults.configuration("The document is no OpenAPI 3 and no Swagger 2.0.")
    return _object(found)


def find(root: Mapping[str, Any], name: str, url: str) -> Operation:
    """The operation with this id in a description that came from this URL; raises a Fault."""
    known = []
    for path, item in _object(root.get("paths")).items():
        item = _object(resolve(root, item))
        for method in METHODS:
            definition = item.get(method)
            if isinstance(definition, Mapping) and definition.get("operationId") == name:
                server = (
                    _swagger_server(root, definition, url) if "swagger" in root else _server(root, item, method, url)
                )
                return Operation(root, server, path, method, definition, list(_parameters(root, item, definition)))
            known.append(str(_object(definition).get("operationId", "")))
    some = ", ".join(sorted(filter(None, known))[:20])
    raise faults.configuration(f"The OpenAPI document has no operation '{name}'; it has: {some}")


def resolve(root: Mapping[str, Any], value: Any) -> Any:
    """The value, or what it refers to within its description; raises a Fault for a reference that leads nowhere."""
    for _ in range(_MOST_REFERENCES):
        if not isinstance(value, Mapping) or not isinstance(reference := value.get("$ref"), str):
            return value
        if not reference.startswith("#/"):
            raise faults.configuration("The OpenAPI document refers to another document: only its own parts are read.")
        value = _at(root, unquote(reference[2:]).split("/"))
    raise faults.configuration("The OpenAPI document's references go round in a circle.")


def _at(value: Any, steps: list[str]) -> Any:
    try:
        for step in steps:
            value = value[int(step)] if isinstance(value, list) else value[step.replace("~1", "/").replace("~0", "~")]
    except (KeyError, IndexError, TypeError, ValueError):
        raise faults.configuration("The OpenAPI document refers to a part that it does not have.") from None
    return value


def _parameters(root: Mapping[str, Any], *owners: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The parameters of a path and its operation, whose own win."""
    found: dict[tuple[Any, Any], Mapping[str, Any]] = {}
    for owner in owners:
        for given in owner.get("parameters") or ():
            parameter = _object(resolve(root, given))
            found[parameter.get("name"), parameter.get("in")] = parameter
    yield from found.values()


def _server(root: Mapping[str, Any], item: Mapping[str, Any], method: str, url: str) -> str:
    """The nearest first server, its variables at their defaults; relative ones stand beside the description."""
    owners = (_object(item[method]), item, root)
    server = _object(next((owner["servers"][0] for owner in owners if owner.get("servers")), {"url": "/"}))
    variables = _object(server.get("variables"))

    def default(match: re.Match[str]) -> str:
        return str(_object(variables.get(match[1])).get("default", ""))

    return urljoin(url, re.sub(r"\{([^{}]+)\}", default, str(server.get("url", "/"))))


def _swagger_server(root: Mapping[str, Any], definition: Mapping[str, Any], url: str) -> str:
    own, _, rest = url.partition("://")
    schemes = definition.get("schemes") or root.get("schemes") or [own]
    scheme = "https" if "https" in schemes else "http"
    host = root.get("host") or rest.partition("/")[0]
    return f"{scheme}://{host}{root.get('basePath') or '/'}"


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
