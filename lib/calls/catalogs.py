"""Functions from elsewhere: fetched when a workflow is published, and from then on part of its document.

Rule: what a catalog serves tomorrow changes nothing that was published today. A fetched function stands under
`use.functions` by the very name it is called by.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lib import errors
from lib.calls import publishing
from lib.dsl import faults
from lib.dsl.expressions import escape

MOST_FETCHED = 20

_CATALOGED = re.compile(r"([A-Za-z0-9._-]+):([A-Za-z0-9.+_-]+)@([A-Za-z0-9._-]+)")
_GITHUB = re.compile(r"https://github\.com/([^/]+)/([^/@]+)(?:/(?:tree|blob)/([^/]+))?(/[^@]*)?(?:@([^/@]+))?")
_GITLAB = re.compile(r"https://gitlab\.com/([^@]+?)(?:/-/(?:tree|blob)/([^/]+)(/.*)?)?")
_FILE = re.compile(r"\.(ya?ml|json)$", re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """A call of a function from elsewhere, and where in the document it stands."""

    name: str
    pointer: str


async def pin(definition: Any) -> Any:
    """The definition with every function it calls from a catalog or by URL; raises InvalidDocument.

    What is not well-formed is left as it is, for the document's own checks to name.
    """
    fetched = 0
    while call := next(_missing(definition), None):
        fetched += 1
        try:
            if fetched > MOST_FETCHED:
                raise faults.configuration(f"A document may call {MOST_FETCHED} functions from elsewhere.")
            function = await _fetch(definition, call.name)
        except faults.Fault as fault:
            detail = f"the function `{call.name}` cannot be fetched: {fault.detail}"
            raise errors.InvalidDocument(errors=[{"pointer": call.pointer, "detail": detail}]) from None
        use = definition.get("use") or {}
        functions = {**(use.get("functions") or {}), call.name: function}
        definition = {**definition, "use": {**use, "functions": functions}}
    return definition


def _missing(definition: Any) -> Iterator[Call]:
    """The calls of functions from elsewhere that the document does not hold."""
    if not isinstance(definition, dict):
        return
    use = _object(definition.get("use"))
    own = _object(use.get("functions"))
    for section, pointer in (
        (definition.get("do"), "/do"),
        (own, "/use/functions"),
        (use.get("extensions"), "/use/extensions"),
    ):
        for name, place in _calls(section, pointer):
            if ("://" in name or "@" in name) and name not in own:
                yield Call(name, place)


def _calls(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    waiting = [(value, pointer)]
    while waiting:
        value, pointer = waiting.pop()
        if isinstance(value, dict):
            if isinstance(name := value.get("call"), str):
                yield name, f"{pointer}/call"
            # a call's arguments and a set's values are data, whatever they look like
            parts = [(key, part) for key, part in value.items() if key not in ("with", "set", "input", "output")]
            waiting += [(part, f"{pointer}/{escape(str(key))}") for key, part in reversed(parts)]
        elif isinstance(value, list):
            waiting += [(part, f"{pointer}/{index}") for index, part in reversed(list(enumerate(value)))]


async def _fetch(definition: dict[str, Any], name: str) -> dict[str, Any]:
    use = _object(definition.get("use"))
    url, policy = _place(use, name)
    found = await publishing.fetch(url, policy, use)
    if not isinstance(found, dict):
        raise faults.configuration("what is there is no function's definition, an object.")
    return found


def _place(use: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """The URL of a function's definition, and how to authenticate there."""
    if match := _CATALOGED.fullmatch(name):
        catalog = _object(_object(use.get("catalogs")).get(match[3]))
        endpoint = catalog.get("endpoint")
        root = endpoint.get("uri") if isinstance(endpoint, dict) else endpoint
        if not isinstance(root, str):
            raise faults.configuration(f"there is no catalog `{match[3]}` under `use.catalogs`.")
        path = f"/functions/{match[1]}/{match[2]}/function.yaml"
        return _raw(root.rstrip("/") + path), _object(endpoint).get("authentication")
    if not name.lower().startswith(("http://", "https://")):
        raise faults.configuration("a function from elsewhere is called by a URL or as name:version@catalog.")
    return _raw(name), None


def _raw(url: str) -> str:
    """Where the file itself is: repositories show their files as pages, and a folder has its `function.yaml`."""
    if match := _GITHUB.fullmatch(url):
        owner, repository, branch, path, tag = match.groups()
        at = tag or (f"refs/heads/{branch}" if branch else "HEAD")
        url = f"https://raw.githubusercontent.com/{owner}/{repository}/{at}{path or ''}"
    elif match := _GITLAB.fullmatch(url):
        project, branch, path = match.groups()
        if branch is None and "/functions/" in project:
            project, _, rest = project.partition("/functions/")
            path = f"/functions/{rest}"
        url = f"https://gitlab.com/{project}/-/raw/{branch or 'HEAD'}{path or ''}"
    return url if _FILE.search(url) else f"{url.rstrip('/')}/function.yaml"


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
