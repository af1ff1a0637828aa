"""A client of all api files without a server: it finds the file by its routes, as the platform's rewrites do.

Every answer it passes on is held against public/openapi.json: its status is documented for that route, its
content type is, and its body fits the schema without a property more.
"""

import importlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from lib.errors import NotFound
from lib.http import App
from lib.http.routes import match_path
from tests.call import Answer, Exchange, exchange

ROOT = Path(__file__).parents[2]


@cache
def load_apps() -> dict[str, App]:
    """Every api file's app by the name of its file."""
    names = sorted(path.stem for path in (ROOT / "api").glob("*.py"))
    return {name: importlib.import_module(f"api.{name}").app for name in names}


@cache
def read_openapi() -> dict[str, Any]:
    """The published contract, with closed objects: what it does not name must not be there."""
    return json.loads((ROOT / "public/openapi.json").read_text(), object_hook=_close)


def _close(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("type") == "object" and "properties" in value:
        value.setdefault("additionalProperties", False)
    return value


class Client:
    """Sends `headers` with every request."""

    def __init__(self, **headers: str) -> None:
        self.headers = headers

    async def __call__(self, method: str, path: str, **parts: Any) -> Answer:
        """One request; parts as in `tests.call.exchange`."""
        async with self.open(method, path, **parts) as flight:
            found = await flight.answer()
        check_contract(method, path, found)
        return found

    @asynccontextmanager
    async def open(self, method: str, path: str, **parts: Any) -> AsyncIterator[Exchange]:
        """A request in flight, for streams; not held against the contract."""
        headers = {**self.headers, **parts.pop("headers", {})}
        async with exchange(find_app(path), method, path, headers=headers, **parts) as flight:
            yield flight


def find_app(path: str) -> App:
    """The app whose file answers this path."""
    for app in load_apps().values():
        if find_pattern(app, path):
            return app
    return load_apps()["runs"]


def find_pattern(app: App, path: str) -> str | None:
    """The pattern of this path in this app."""
    try:
        return match_path(app.routes, path.partition("?")[0])[0][0].pattern
    except NotFound:
        return None


def check_contract(method: str, path: str, found: Answer) -> None:
    """Hold an answer against the document."""
    pattern = find_pattern(find_app(path), path)
    documented = read_openapi()["paths"].get(pattern, {}).get(method.lower())
    if documented is None:
        assert found.status in (404, 405) or method in ("HEAD", "OPTIONS")
        return
    response = documented["responses"][str(found.status)]
    if "$ref" in response:
        response = read_openapi()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    if "content" not in response:
        assert found.body == b""
        return
    media_type = found.headers["content-type"]
    schema = response["content"][media_type]["schema"]
    if media_type.startswith("application/"):
        _validator(json.dumps(schema)).validate(found.json())


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    document = {**json.loads(schema), "components": read_openapi()["components"]}
    return jsonschema_rs.Draft202012Validator(document, validate_formats=True)
