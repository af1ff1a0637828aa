"""URI templates: the simple string expansion of RFC 6570, the one form that the DSL has.

Rule: names are taken verbatim from the top level of the task's input; a missing one is empty.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from lib.dsl import faults

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_OPERATORS = "+#./;?&=,!@|"


def expand(template: str, variables: Any) -> str:
    """The URI with each `{name}` replaced by that property of `variables`, percent-encoded; raises a Fault.

    A value cannot leave its place: reserved characters are encoded, and a path segment may not become `.`
    or `..`, which servers resolve.
    """
    known: Mapping[str, Any] = variables if isinstance(variables, Mapping) else {}
    expanded = _VARIABLE.sub(lambda match: _value(match[1], known), template)
    if expanded != template:
        path = re.split(r"[?#]", expanded, maxsplit=1)[0]
        if {".", ".."} & set(path.split("/")):
            raise faults.expression("A URI template's values may not make '.' or '..' a path segment.")
    return expanded


def _value(name: str, variables: Mapping[str, Any]) -> str:
    if not name or name[0] in _OPERATORS:
        raise faults.expression(f"'{{{name}}}' is not a variable: a URI template may hold only plain names.")
    value = variables.get(name)
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise faults.expression(f"The value of '{name}' cannot stand in a URI: it is an array or an object.")
    try:
        return quote(value if isinstance(value, str) else json.dumps(value), safe="")
    except UnicodeEncodeError:
        raise faults.expression(f"The value of '{name}' is not valid text.") from None
