"""What the language has and this release does not run yet: refused when a document is published, never later.

A feature that arrives deletes its row here.
"""

UNSUPPORTED: dict[str, frozenset[str]] = {
    "call": frozenset({"a2a", "asyncapi", "grpc"}),
    "mcp": frozenset({"stdio"}),
    "run": frozenset({"container"}),
    "script": frozenset({"source"}),
    "authentication": frozenset({"certificate"}),
    "evaluate": frozenset({"language"}),
    "extend": frozenset({"extension"}),
}
_SUBJECTS = {
    "call": "`call: {name}`",
    "mcp": "an MCP server by `{name}`",
    "run": "`run: {name}`",
    "script": "a script by its `{name}`",
    "authentication": "`{name}` authentication",
    "evaluate": "another `evaluate.{name}` than the default",
    "extend": "`extend: {name}`",
}


def refusal(place: str, name: str) -> str | None:
    """The one sentence that refuses a feature, or None if this release runs it."""
    if name not in UNSUPPORTED[place]:
        return None
    return f"{_SUBJECTS[place].format(name=name)} is not supported by this release"
