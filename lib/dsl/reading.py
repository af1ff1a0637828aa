"""From bytes to JSON values: JSON, or YAML 1.2 without surprises, both without duplicate keys."""

from typing import Any

from lib import errors
from lib.dsl import json_text

JSON = "application/json"
YAML = "application/yaml"


def read(data: bytes | str, media_type: str) -> Any:
    """The value that the text means; raises InvalidJSON or InvalidDocument saying what is wrong where."""
    if media_type == JSON:
        return json_text.parse(_decode(data))
    if media_type == YAML:
        from lib.dsl import yaml_text  # 20 ms to import, and most documents are JSON

        return yaml_text.parse(_decode(data))
    raise errors.UnsupportedMediaType(f"`{media_type}` is not understood here: send {JSON} or {YAML}.")


def _decode(data: bytes | str) -> str:
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise errors.BadRequest(f"The text is not UTF-8: byte {exc.start} cannot be read.") from exc
