"""An operation's parameters put where its description wants them: path, query, headers, cookies and body."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from lib.calls.descriptions import Operation, resolve
from lib.dsl import faults

_FORM = "application/x-www-form-urlencoded"
_DELIMITERS = {
    "form": ",", "simple": ",", "csv": ",", "spaceDelimited": " ", "ssv": " ", "tsv": "\t",
    "pipeDelimited": "|", "pipes": "|", "label": ".", "matrix": ",", "deepObject": ",", "multi": ",",
}  # fmt: skip


@dataclass
class Placed:
    """A request's parts, as `call: http` takes them."""

    path: str
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, Any] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    body: Any = None


def place(operation: Operation, given: Mapping[str, Any]) -> Placed:
    """The given values in their places; raises a Fault for one that is missing, unknown or not possible there."""
    placed, left = Placed(operation.path), dict(given)
    fields: dict[str, Any] = {}
    for parameter in operation.parameters:
        name, where = str(parameter.get("name")), parameter.get("in")
        value = left.pop(name, None)
        if value is None:
            if parameter.get("required") or where == "path":
                raise faults.validation(f"The operation needs the parameter '{name}'.")
        elif where == "body":
            placed.body = value
            placed.headers["content-type"] = _media(
                operation.definition.get("consumes") or operation.root.get("consumes")
            )
        elif where == "formData":
            fields[name] = value
        else:
            _put(placed, {"collectionFormat": "csv", **parameter} if operation.swagger else parameter, name, value)
    if fields:
        placed.body, placed.headers["content-type"] = fields, _FORM
    _put_body(placed, operation, left)
    if placed.cookies:
        placed.headers["cookie"] = "; ".join(placed.cookies)
    return placed


def _put_body(placed: Placed, operation: Operation, left: dict[str, Any]) -> None:
    """OpenAPI 3's body: the parameter `body`, else an object of all that is no other parameter."""
    wanted = resolve(operation.root, operation.definition.get("requestBody"))
    if isinstance(wanted, Mapping):
        body = left.pop("body", None)
        if body is None and left:
            body, left = left, {}
        if body is None and wanted.get("required"):
            raise faults.validation("The operation needs a body: give it as the parameter 'body'.")
        if body is not None:
            placed.body, placed.headers["content-type"] = body, _media(wanted.get("content"))
    if left:
        known = ", ".join(sorted(str(parameter.get("name")) for parameter in operation.parameters)) or "none"
        raise faults.validation(f"The operation has no parameter '{min(left)}'; it has: {known}")


def _media(offered: Any) -> str:
    """The best of the media types that the operation takes."""
    types = [str(media) for media in offered or ()]
    json_types = [media for media in types if media.partition(";")[0].endswith(("/json", "+json"))]
    return next(iter([*json_types, *(media for media in types if media == _FORM), *types]), "application/json")


def _put(placed: Placed, parameter: Mapping[str, Any], name: str, value: Any) -> None:
    where = parameter.get("in")
    style = str(parameter.get("style") or parameter.get("collectionFormat") or _style(where))
    explode = parameter.get("explode", style in ("form", "multi") and "collectionFormat" not in parameter)
    explode = explode or style == "multi"
    if "content" in parameter:
        value = json.dumps(value, separators=(",", ":"))
    if where == "path":
        placed.path = placed.path.replace(f"{{{name}}}", _in_path(name, value, style, explode=explode))
    elif where == "query":
        placed.query |= dict(_in_query(name, value, style, explode=explode))
    elif where == "header":
        placed.headers[name] = _joined(name, value, ",", explode=explode)
    elif where == "cookie":
        text = _joined(name, value, ",", explode=False)
        placed.cookies.append(f"{name}={quote(text, safe='')}")
    else:
        raise faults.configuration(f"The OpenAPI document puts the parameter '{name}' nowhere that is known.")


def _style(where: Any) -> str:
    return "form" if where in ("query", "cookie") else "simple"


def _in_path(name: str, value: Any, style: str, *, explode: bool) -> str:
    delimiter = _DELIMITERS.get(style, ",")
    plain = [quote(text, safe="") for text in _texts(name, value, explode=explode)]
    match style:
        case "label":
            return "." + (delimiter if explode else ",").join(plain)
        case "matrix" if explode and isinstance(value, list):
            return "".join(f";{name}={text}" for text in plain)
        case "matrix" if explode and isinstance(value, dict):
            return "".join(f";{text.replace('%3D', '=', 1)}" for text in plain)
        case "matrix":
            return f";{name}={','.join(plain)}"
    return delimiter.join(
        text.replace("%3D", "=", 1) if isinstance(value, dict) and explode else text for text in plain
    )


def _in_query(name: str, value: Any, style: str, *, explode: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and style == "deepObject":
        yield from ((f"{name}[{key}]", member) for key, member in value.items())
    elif isinstance(value, dict) and explode:
        yield from value.items()
    elif isinstance(value, list) and explode:
        yield name, value
    elif isinstance(value, dict | list):
        yield name, _joined(name, value, _DELIMITERS.get(style, ","), explode=False)
    else:
        yield name, value


def _joined(name: str, value: Any, delimiter: str, *, explode: bool) -> str:
    return delimiter.join(_texts(name, value, explode=explode))


def _texts(name: str, value: Any, *, explode: bool) -> list[str]:
    """The value's members as texts; of an object, keys and values, joined by `=` where it is exploded."""
    match value:
        case list():
            return [_text(name, member) for member in value]
        case dict() if explode:
            return [f"{key}={_text(name, member)}" for key, member in value.items()]
        case dict():
            return [text for key, member in value.items() for text in (key, _text(name, member))]
    return [_text(name, value)]


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise faults.validation(f"The parameter '{name}' must be made of texts, numbers and booleans.")
