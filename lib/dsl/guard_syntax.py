"""The part of jq that we can judge before it runs, read into a tree; whatever is not here is unknown to us.

Rule: only what jq itself reads the same way may be accepted. A text that jq refuses may pass, since jq gets to see it
anyway; a text that jq would group differently may not.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from lib.dsl.guard_tokens import END, Tokens, UnknownSyntaxError

NESTING = 80  # levels of the tree and of our own calls: we recurse, and so does whoever walks the tree

_PIPE, _COMMA, _OPERATORS = 0, 1, 2
ASSIGNING = ("=", "|=", "+=", "-=", "*=", "/=", "%=", "//=")
_LEVELS = (("//", "?//"), ASSIGNING, ("or",), ("and",), ("==", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))
_BINDING = {text: level for level, texts in enumerate(_LEVELS, _OPERATORS) for text in texts}
_TIGHTEST = _BINDING["*"]


class Node(NamedTuple):
    """A piece of an expression: its kind, what it says, and the pieces that it is made of."""

    kind: str
    value: Any
    parts: tuple["Node", ...]
    depth: int


def parse(text: str) -> Node:
    """The tree of an expression; raises UnknownSyntaxError."""
    reader = _Reader(text)
    node = reader.query()
    if reader.tokens.token != END:
        raise UnknownSyntaxError(reader.tokens.token[1])
    return node


def node(kind: str, value: Any = None, *parts: Node) -> Node:
    """A piece of a tree that is not too deep."""
    depth = 1 + max((part.depth for part in parts), default=0)
    if depth > NESTING:
        raise UnknownSyntaxError("nested too deep")
    return Node(kind, value, parts, depth)


class _Reader:
    """Reads by recursive descent."""

    def __init__(self, text: str) -> None:
        self.tokens = Tokens(text)
        self._depth = 0

    def query(self, level: int = _PIPE) -> Node:
        """Everything that binds at least as tightly as the level says."""
        if level == _PIPE:
            return self._deeper(lambda: self._list("pipe", "|", _COMMA))
        if level == _COMMA:
            return self._list("comma", ",", _OPERATORS)
        return self._deeper(lambda: self._operators(level))

    def _deeper(self, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > NESTING:
            raise UnknownSyntaxError("nested too deep")
        found = read()
        self._depth -= 1
        return found

    def _list(self, kind: str, separator: str, level: int) -> Node:
        parts = [self.query(level)]
        while self.tokens.skip(separator):
            parts.append(self.query(level))
        return parts[0] if len(parts) == 1 else node(kind, None, *parts)

    def _operators(self, level: int) -> Node:
        left = self._operand()
        while (own := self._level()) >= level:
            operator = self.tokens.take()[1].removeprefix("?")
            # `//` groups to the right; comparisons do not chain, which jq itself will say
            left = node("operator", operator, left, self.query(own if operator == "//" else own + 1))
        return left

    def _level(self) -> int:
        kind, text = self.tokens.token
        return _BINDING.get(text, -1) if kind in ("mark", "keyword") else -1

    def _operand(self) -> Node:
        if self.tokens.skip("-"):
            return node("minus", None, self.query(_TIGHTEST))
        source = self._postfix()
        if not self.tokens.at("as"):
            return source
        name = self._binding()
        self.tokens.expect("|")
        return node("bind", name, source, self.query())

    def _postfix(self) -> Node:
        found = self._term()
        while True:
            if self.tokens.token[0] == "field":
                found = node("field", self.tokens.take()[1][1:], found)
            elif self.tokens.skip("?"):
                found = node("try", None, found)
            elif self.tokens.skip("["):
                found = self._brackets(found)
            elif self.tokens.skip("."):
                found = self._dotted(found)
            else:
                return found

    def _dotted(self, target: Node) -> Node:
        """`."key"` or `.[…]`, the dot being read."""
        return self._brackets(target) if self.tokens.skip("[") else _at(target, self._string())

    def _brackets(self, target: Node) -> Node:
        """`[]`, `[index]`, `[from:to]`, the opening bracket being read."""
        if self.tokens.skip("]"):
            return node("iterate", None, target)
        start = () if self.tokens.at(":") else (self.query(),)
        if not self.tokens.skip(":"):
            self.tokens.expect("]")
            return _at(target, *start)
        end = () if self.tokens.at("]") else (self.query(),)
        self.tokens.expect("]")
        return node("slice", None, target, *start, *end)

    def _term(self) -> Node:
        kind, text = self.tokens.token
        if kind == "quote":
            return self._string()
        if kind == "keyword":
            return self._deeper(self._keyword)
        self.tokens.take()
        match kind:
            case "number":
                return node("number", text)
            case "field":
                return node("field", text[1:], node("dot"))
            case "variable":
                return node("variable", text[1:])
            case "format":
                return self._string(text) if self.tokens.token[0] == "quote" else node("format", text)
            case "word":
                return self._call(text)
        return self._bracketed(text)

    def _bracketed(self, opening: str) -> Node:
        match opening:
            case ".":
                starts_key = self.tokens.token[0] == "quote" or self.tokens.at("[")
                return self._dotted(node("dot")) if starts_key else node("dot")
            case "..":
                return node("call", "recurse/0")
            case "(":
                return self._closed(")")
            case "[":
                return node("array") if self.tokens.skip("]") else node("array", None, self._closed("]"))
            case "{":
                return self._object()
        raise UnknownSyntaxError(opening)

    def _closed(self, bracket: str) -> Node:
        found = self.query()
        self.tokens.expect(bracket)
        return found

    def _call(self, name: str) -> Node:
        arguments = []
        if self.tokens.skip("("):
            arguments.append(self.query())
            while self.tokens.skip(";"):
                arguments.append(self.query())
            self.tokens.expect(")")
        return node("call", f"{name}/{len(arguments)}", *arguments)

    def _keyword(self) -> Node:
        if self.tokens.skip("try"):
            body = self._postfix()
            return node("try", None, body, self._postfix()) if self.tokens.skip("catch") else node("try", None, body)
        if self.tokens.at("reduce") or self.tokens.at("foreach"):
            return self._fold()
        self.tokens.expect("if")
        parts = [self.query()]
        self.tokens.expect("then")
        parts.append(self.query())
        while self.tokens.skip("elif"):
            parts.append(self.query())
            self.tokens.expect("then")
            parts.append(self.query())
        parts.append(self.query() if self.tokens.skip("else") else node("dot"))
        self.tokens.expect("end")
        return node("if", None, *parts)

    def _fold(self) -> Node:
        """The source, the first state, the next state, and perhaps what is made of each."""
        self.tokens.take()
        source, name = self._postfix(), self._binding()
        self.tokens.expect("(")
        parts = [self.query()]
        while self.tokens.skip(";"):
            parts.append(self.query())
        self.tokens.expect(")")
        return node("fold", name, source, *parts)

    def _binding(self) -> str:
        self.tokens.expect("as")
        kind, name = self.tokens.take()
        if kind != "variable":
            raise UnknownSyntaxError("destructuring")
        return name[1:]

    def _object(self) -> Node:
        parts: list[Node] = []
        while not self.tokens.skip("}"):
            if parts:
                self.tokens.expect(",")
            parts += self._entry()
        return node("object", None, *parts)

    def _entry(self) -> tuple[Node, Node]:
        kind, text = self.tokens.token
        if kind == "variable":
            self.tokens.take()
            return node("string", text[1:]), node("variable", text[1:])
        if self.tokens.skip("("):
            key = self._closed(")")
        elif kind in ("word", "keyword"):
            key = node("string", self.tokens.take()[1])
        else:
            key = self._string(self.tokens.take()[1] if kind == "format" else None)
        return key, self._entry_value() if self.tokens.skip(":") else _at(node("dot"), key)

    def _entry_value(self) -> Node:
        """Operators and pipes, but no comma; a binding here would take the following entries with it."""
        value = self._list("pipe", "|", _OPERATORS)
        if any(map(_ends_in_binding, (value, *value.parts))):
            raise UnknownSyntaxError("a binding in an object")
        return value

    def _string(self, format: str | None = None) -> Node:
        """A string; its parts are the expressions inside it, in front of each the text before it."""
        text, opens = self.tokens.take_text()
        parts = []
        while opens:
            parts.append(self.query())
            more, opens = self.tokens.take_text()
            text += more
        # what has escapes is not the key that it looks like, and not worth being followed
        plain = not (parts or format or "\\" in text)
        return node("string" if plain else "template", text, *parts)


def _at(target: Node, key: Node) -> Node:
    return node("field", key.value, target) if key.kind == "string" else node("index", None, target, key)


def _ends_in_binding(found: Node) -> bool:
    while found.kind in ("operator", "minus"):
        found = found.parts[-1]
    return found.kind == "bind"
