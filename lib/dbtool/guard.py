"""Judges one statement: what it is, and whether it may reach the database at all. Pure: no I/O, bounded in time.

The layers, in order: the lexer's canonical text; EXPLAIN taken apart; PostgreSQL's own grammar with an allow-list of
nodes, functions and types; scopes, tables, attribute notation and conditions; sqlglot's reading, which must agree.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lib.dbtool.explain import split_explain
from lib.dbtool.lexer import lex
from lib.dbtool.tokens import Lexed, Token

if TYPE_CHECKING:
    from lib.dbtool.catalog import Catalog
    from lib.dbtool.second import Node
    from lib.dbtool.source import Source
    from lib.dbtool.view import View

type Command = Literal["select", "insert", "update", "delete", "merge"]

_WRITES = ("insert", "update", "delete", "merge")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that may run. `text` is what is executed: without EXPLAIN, whose options stand in `explain`.

    `changes` says whether `text` would change rows: the EXPLAIN of a write is a read, but one of the write login's.
    """

    kind: Literal["read", "write"]
    command: Command
    explain: str | None
    text: str
    tokens: tuple[Token, ...]
    target: tuple[str | None, str] | None
    parameters: int
    changes: bool

    @property
    def whole(self) -> str:
        """`text` with its EXPLAIN before it, if it has one."""
        if self.explain is None:
            return self.text
        return f"explain ({self.explain}) {self.text}" if self.explain else f"explain {self.text}"


def judge(sql: str, catalog: "Catalog") -> Statement:
    """The statement that may run; raises QueryRefused with a code, a sentence, a position and what would be allowed.

    A plain EXPLAIN of a write is a read, as it runs nothing. `target` is the table of the outermost write, or of the
    only one there is. `parameters` is the highest $n.
    """
    from lib.dbtool.sizes import require_small
    from lib.dbtool.source import Source

    explain, lexed = split_explain(lex(sql))
    source = Source(lexed.text, lexed.tokens)
    command, tree, seen = _read(source, lexed, catalog)
    writes = any(seen.commands[name] for name in _WRITES)
    try:
        require_small(tree, source)
    except RecursionError:
        raise source.refused("too_deep", 0) from None
    return Statement(
        kind="write" if writes and explain is None else "read",
        command=command,
        explain=explain,
        text=lexed.text,
        tokens=lexed.tokens,
        target=_target(command, tree),
        parameters=max((int(token.text[1:]) for token in lexed.tokens if token.kind == "parameter"), default=0),
        changes=writes,
    )


def _read(source: "Source", lexed: Lexed, catalog: "Catalog") -> "tuple[Command, Node, View]":
    """The statement's command, its tree, and what both parsers see in it."""
    from lib.dbtool import second, tree
    from lib.dbtool.copy import copy_of
    from lib.dbtool.resolve import resolve

    try:
        kind, root = second.parse(source)
        seen = resolve(kind, root, source, catalog)
        difference = seen.difference(tree.view(source, copy_of(lexed.tokens)))
    except RecursionError:
        raise source.refused("too_deep", 0) from None
    if difference is not None:
        raise source.refused("parsers_disagree", 0, f"The two parsers see different {difference}.")
    return _COMMANDS[kind], root, seen


_COMMANDS: dict[str, Command] = {
    "SelectStmt": "select",
    "InsertStmt": "insert",
    "UpdateStmt": "update",
    "DeleteStmt": "delete",
    "MergeStmt": "merge",
}


def _target(command: Command, tree: "Node") -> tuple[str | None, str] | None:
    """The table that a write changes: the outermost one's, else that of the first one in WITH."""
    if command != "select":
        relation = tree["relation"]
        return relation.get("schemaname"), relation["relname"]
    for item in tree.get("withClause", {}).get("ctes", ()):
        ((kind, node),) = item["CommonTableExpr"]["ctequery"].items()
        if _COMMANDS[kind] != "select":
            return _target(_COMMANDS[kind], node)
    return None
