"""JSON Schemas of a document (draft 2020-12 unless they say otherwise), compiled once; nothing is fetched here."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from lib.dsl.expressions import escape, shorten

SHOWN_PROBLEMS = 20
_FORMAT = re.compile(r"json(:.+)?")


class SchemaError(ValueError):
    """The schema itself is not one we can use; the message is a sentence."""


class Schema:
    """A compiled schema."""

    __slots__ = ("_validator",)

    def __init__(self, document: Any) -> None:
        import jsonschema_rs  # 38 ms, and only documents with a schema need it

        try:
            self._validator = jsonschema_rs.validator_for(
                document,
                base_uri="urn:ratchet:schema",
                retriever=_refuse,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000),
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as exc:
            raise SchemaError(f"the schema cannot be used: {_sentence(exc)}") from None

    def errors(self, value: Any) -> list[dict[str, str]]:
        """Where and why the value does not fit, the first twenty of it; empty if it fits."""
        problems = []
        for error in self._validator.iter_errors(value):
            pointer = _pointer(error.instance_path)
            problems.append({"pointer": pointer, "detail": shorten(error.message, 300)})
            if len(problems) == SHOWN_PROBLEMS:
                break
        return problems


def compile_schema(definition: Any) -> Schema:
    """The schema of a `schema:` object (`format`, `document`); raises SchemaError."""
    if not isinstance(definition, dict) or not definition.keys() & {"document", "resource"}:
        raise SchemaError("a schema needs a `document`, the JSON Schema itself, or a `resource` to fetch it from")
    if not _is_json(definition):
        raise SchemaError(f"the schema format {definition['format']!r} is not known: use `json`")
    if "document" not in definition:
        raise SchemaError("the schema was not fetched from its `resource`")
    return Schema(definition["document"])


def is_missing(definition: Mapping[str, Any]) -> bool:
    """Whether publishing has to fetch a schema: it is to be had by `resource` alone, and of a known format."""
    return "resource" in definition and "document" not in definition and _is_json(definition)


def _is_json(definition: Mapping[str, Any]) -> bool:
    format = definition.get("format", "json")
    return isinstance(format, str) and _FORMAT.fullmatch(format) is not None


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is not part of the schema, and references are not fetched")


def _sentence(exc: Exception) -> str:
    text = re.sub(r"^Resource .*? retrieving it failed: ValueError: ", "", str(getattr(exc, "message", exc)))
    place = _pointer(getattr(exc, "instance_path", ()))
    return shorten(f"{place}: {text}" if place else text, 300)


def _pointer(path: Iterable[str | int]) -> str:
    return "".join(f"/{escape(str(step))}" for step in path)
