"""From bytes to JSON values: JSON, or YAML 1.2 without surprises, both without duplicate keys."""

from typing import Any

from lib import errors, json_text

JSON = "application/json"
YAML = "application/yaml"


def read(data: bytes | str, media_type: str) -> Any:
    """The value that the text means; raises BadRequest or Unprocessable saying what is wrong where."""
    if isinstance(data, str):
        data = data.encode(errors="surrogatepass")  # half a pair is then refused as what it is: not UTF-8
    if media_type == JSON:
        return json_text.parse(data)
    if media_type == YAML:
        from lib.dsl import yaml_text  # 20 ms to import, and most documents are JSON

        return yaml_text.parse(json_text.decode(data))
    raise errors.UnsupportedMediaType(f"`{media_type}` is not understood here: send {JSON} or {YAML}.")
