"""Functions from elsewhere: fetched when a workflow is published, and from then on part of its document.

Rule: what a catalog serves tomorrow changes nothing that was published today. A fetched function stands under
`use.functions` by the very name it is called by.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lib import errors
from lib.calls import publishing
from lib.calls.walking import Path, object_of, owners, pointer
from lib.dsl import faults

MOST_FETCHED = 20

_CATALOGED = re.compile(r"([A-Za-z0-9._-]+):([A-Za-z0-9.+_-]+)@([A-Za-z0-9._-]+)")
_GITHUB = re.compile(r"https://github\.com/([^/]+)/([^/@]+)(?:/(?:tree|blob)/([^/]+))?(/[^@]*)?(?:@([^/@]+))?")
_GITLAB = re.compile(r"https://gitlab\.com/([^@]+?)(?:/-/(?:tree|blob)/([^/]+)(/.*)?)?")
_FILE = re.compile(r"\.(ya?ml|json)$", re.IGNORECASE)


async def pin(definition: Any) -> Any:
    """The definition with every function it calls from a catalog or by URL; raises InvalidDocument.

    What is not well-formed is left as it is, for the document's own checks to name.
    """
    fetched = 0
    while call := next(_missing(definition), None):
        name, path = call
        fetched += 1
        try:
            if fetched > MOST_FETCHED:
                raise faults.configuration(f"A document may call {MOST_FETCHED} functions from elsewhere.")
            function = await _fetch(definition, name)
        except faults.Fault as fault:
            detail = f"the function `{name}` cannot be fetched: {fault.detail}"
            raise errors.InvalidDocument(errors=[{"pointer": pointer(path), "detail": detail}]) from None
        use = definition.get("use", {})
        functions = {**use.get("functions", {}), name: function}
        definition = {**definition, "use": {**use, "functions": functions}}
    return definition


def _missing(definition: Any) -> Iterator[tuple[str, Path]]:
    """The functions from elsewhere that are called and that the document does not hold, and where they are called."""
    use = object_of(definition).get("use", {})
    own = object_of(use).get("functions", {})
    if not isinstance(use, dict) or not isinstance(own, dict):
        return
    for path, owner in owners(definition):
        name = owner.get("call")
        if isinstance(name, str) and ("://" in name or "@" in name) and name not in own:
            yield name, (*path, "call")


async def _fetch(definition: dict[str, Any], name: str) -> dict[str, Any]:
    use = object_of(definition.get("use"))
    url, policy = _place(use, name)
    found = await publishing.fetch(url, policy, use)
    if not isinstance(found, dict):
        raise faults.configuration("what is there is no function's definition, an object.")
    return found


def _place(use: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """The URL of a function's definition, and how to authenticate there."""
    if match := _CATALOGED.fullmatch(name):
        catalog = object_of(object_of(use.get("catalogs")).get(match[3]))
        endpoint = catalog.get("endpoint")
        root = endpoint.get("uri") if isinstance(endpoint, dict) else endpoint
        if not isinstance(root, str):
            raise faults.configuration(f"there is no catalog `{match[3]}` under `use.catalogs`.")
        path = f"/functions/{match[1]}/{match[2]}/function.yaml"
        return _raw(root.rstrip("/") + path), object_of(endpoint).get("authentication")
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
