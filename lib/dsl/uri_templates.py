"""URI templates, as far as the language has them: `{name}` stands for a top-level property of the task's input."""

import re
from typing import Any
from urllib.parse import quote

from lib.dsl import faults

_VARIABLE = re.compile(r"\{([^{}]+)\}")


def expand(template: str, value: Any) -> str:
    """RFC 6570's simple expansion, nothing for what is missing; raises a Fault of type expression."""

    def text(match: re.Match[str]) -> str:
        name = match.group(1)
        found = value.get(name) if isinstance(value, dict) else None
        if isinstance(found, (dict, list)):
            raise faults.expression(f"'{name}' is not a text, number or boolean, so no URI can hold it")
        if found is None:
            return ""
        plain = str(found).lower() if isinstance(found, bool) else str(found)
        return quote(plain, safe="")

    return _VARIABLE.sub(text, template)
