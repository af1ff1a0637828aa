"""Where a path leads, as Vercel decides it: a file of public/, a function, a rewrite to one of them, or 404.

Paths are matched as they were sent, still percent-encoded: `%2F` never ends a segment.
"""

import ast
import json
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

from lib.dev.errors import DevError

DEFAULT_MAX_DURATION = 300.0
_TOKEN = re.compile(r"/:(?P<name>\w+)(?:\((?P<pattern>[^()]+)\))?|/\((?P<unnamed>[^()]+)\)|(?P<text>/[^:()*?+/]*)")


@dataclass(frozen=True)
class StaticFile:
    """A file of public/."""

    path: Path
    media_type: str


@dataclass(frozen=True)
class FunctionCall:
    """The function that answers, and the target it sees: the path as sent, its query with path parameters."""

    function: str
    target: str


@dataclass(frozen=True)
class FunctionFile:
    """One file of api/ and how long the platform lets it run."""

    name: str
    path: Path
    max_duration: float


@dataclass(frozen=True)
class Cron:
    """A path that the platform calls by the clock."""

    path: str
    schedule: str


@dataclass(frozen=True)
class Rewrite:
    """One line of the route table: `names` are the path parameters, in the order of the pattern's groups."""

    pattern: re.Pattern[str]
    names: tuple[str | None, ...]
    destination: str

    @classmethod
    def read(cls, source: str, destination: str) -> Self:
        """Compile the subset of path-to-regexp that a readable route table needs."""
        pattern, names, position = "", [], 0
        while position < len(source):
            token = _TOKEN.match(source, position)
            if token is None:
                raise DevError(f"vercel.json: the local router does not understand {source!r} from {position} on.")
            position = token.end()
            if token["text"] is not None:
                pattern += re.escape(token["text"])
                continue
            names.append(token["name"])
            pattern += f"(?:/({token['pattern'] or token['unnamed'] or '[^/]+?'}))"
        return cls(re.compile(pattern), tuple(names), destination)


class Router:
    """The route table of one project folder, read once from its vercel.json, api/ and public/."""

    def __init__(self, root: Path) -> None:
        self._public = root / "public"
        config = _read_config(root / "vercel.json")
        self.functions = {file.name: file for file in _find_functions(root, config.get("functions", {}))}
        self.crons = [Cron(each["path"], each["schedule"]) for each in config.get("crons", [])]
        self.rewrites = [Rewrite.read(each["source"], each["destination"]) for each in config.get("rewrites", [])]

    def find(self, target: str) -> StaticFile | FunctionCall | None:
        """What answers this request target (path and query); None is a 404."""
        path, _, query = target.partition("?")
        if re.search(r"/[_.]", path):
            return None
        direct = self._find_file(path) or self._find_function(path, target)
        return direct or self._find_rewritten(path, query)

    def _find_file(self, path: str) -> StaticFile | None:
        relative = unquote(path).lstrip("/")
        if "\0" in relative or ".." in relative.split("/"):
            return None
        file = self._public / relative
        if file.is_dir():
            file /= "index.html"
        if not file.is_file():
            return None
        return StaticFile(file, mimetypes.guess_type(file.name)[0] or "application/octet-stream")

    def _find_function(self, path: str, target: str) -> FunctionCall | None:
        name = path.removeprefix("/api/").removesuffix(".py")
        return FunctionCall(name, target) if path.startswith("/api/") and name in self.functions else None

    def _find_rewritten(self, path: str, query: str) -> FunctionCall | StaticFile | None:
        for rewrite in self.rewrites:
            match = rewrite.pattern.fullmatch(path)
            if match is None:
                continue
            named = zip(rewrite.names, match.groups(), strict=True)
            parameters = [query, *(f"{name}={value}" for name, value in named if name)]
            merged = "&".join(part for part in parameters if part)
            target = f"{path}?{merged}" if merged else path
            return self._find_function(rewrite.destination, target) or self._find_file(rewrite.destination)
        return None


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise DevError(f"{path.parent} has no vercel.json: start from the project's root.") from None
    except ValueError as error:
        raise DevError(f"vercel.json is not valid JSON: {error}.") from None
    return config


def _find_functions(root: Path, limits: dict[str, Any]) -> Sequence[FunctionFile]:
    """Every api/*.py with a top-level `app`, as the platform's own static check finds them."""
    files = sorted((root / "api").glob("*.py"))
    return [
        FunctionFile(file.stem, file, _max_duration(f"api/{file.name}", limits))
        for file in files
        if any(_binds_app(statement) for statement in ast.parse(file.read_text()).body)
    ]


def _binds_app(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name(id="app")]) | ast.AnnAssign(target=ast.Name(id="app")):
            return True
        case ast.FunctionDef(name="app") | ast.AsyncFunctionDef(name="app"):
            return True
        case ast.ImportFrom(names=names):
            return any((name.asname or name.name) == "app" for name in names)
    return False


def _max_duration(file: str, limits: dict[str, Any]) -> float:
    first: dict[str, Any] = next((limit for pattern, limit in limits.items() if fnmatchcase(file, pattern)), {})
    return float(first.get("maxDuration", DEFAULT_MAX_DURATION))
