"""Statements that no guard has judged: what the execution's own walls are tested with."""

from types import SimpleNamespace
from typing import Any

from lib.dbtool.lexer import lex
from lib.dbtool.parts import VERBS, take_apart


def raw(sql: str, *, explain: str | None = None) -> Any:
    """The statement as the guard would describe it if it let everything pass."""
    lexed = lex(sql)
    tokens = lexed.tokens
    statement = SimpleNamespace(text=lexed.text, tokens=tokens, explain=explain, command="select", target=None)
    parts = take_apart(statement)
    words = [token for token in tokens[parts.main :] if token.kind in ("word", "quoted") and token.value != "only"]
    if tokens[parts.main].value in VERBS:
        statement.command = tokens[parts.main].value
        name = words[1 if statement.command == "update" else 2]
        after = tokens.index(name) + 1
        dotted = after < len(tokens) and tokens[after].text == "."
        statement.target = (name.value, tokens[after + 1].value) if dotted else (None, name.value)
    changes = statement.command != "select" or any(cte.changes for cte in parts.ctes)
    statement.kind, statement.changes = "write" if changes else "read", changes
    statement.parameters = max((int(token.text[1:]) for token in tokens if token.kind == "parameter"), default=0)
    return statement
