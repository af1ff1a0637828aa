"""Statements that no guard has judged: what the execution's own walls are tested with."""

from dataclasses import replace
from typing import Any

from lib.dbtool.guard import Statement
from lib.dbtool.lexer import lex
from lib.dbtool.parts import VERBS, take_apart


def raw(sql: str, *, explain: str | None = None) -> Any:
    """The statement as the guard would describe it if it let everything pass."""
    lexed = lex(sql)
    tokens = lexed.tokens
    most = max((int(token.text[1:]) for token in tokens if token.kind == "parameter"), default=0)
    read = Statement("read", "select", explain, lexed.text, tuple(tokens), None, most, changes=False)
    parts = take_apart(read)
    verb = tokens[parts.main].value
    if verb not in VERBS:
        changes = any(cte.changes for cte in parts.ctes)
        return replace(read, kind="write" if changes else "read", changes=changes)
    words = [token for token in tokens[parts.main :] if token.kind in ("word", "quoted") and token.value != "only"]
    name = words[1 if verb == "update" else 2]
    after = tokens.index(name) + 1
    dotted = after < len(tokens) and tokens[after].text == "."
    target = (name.value, tokens[after + 1].value) if dotted else (None, name.value)
    return replace(read, kind="write", command=verb, target=target, changes=True)
