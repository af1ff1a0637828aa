"""The words of jq that guard_syntax understands, one ahead; anything else is unknown."""

import re

TOKENS = 300  # compiling costs up to 100 µs for each
END = ("end", "")

_TOKEN = re.compile(
    r"""
    (?P<space>(?:[ \t\r\n]|\#[^\\\r\n]*(?:\r?\n|$))+)
  | (?P<field>\.[A-Za-z_][A-Za-z_0-9]*)
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<variable>\$(?!__|ENV\b)[A-Za-z_][A-Za-z_0-9]*)
  | (?P<format>@[A-Za-z0-9_]+)
  | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
  | (?P<quote>")
  | (?P<mark>\?//(?!=)|//=|//|==|!=|<=|>=|[|+\-*/%]=|\.\.|[][(){}?,:;<>.+\-*/%|=])
    """,
    re.VERBOSE,
)
_TEXT = re.compile(r'(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*')
_KEYWORDS = frozenset(
    [
        *("and", "or", "if", "then", "elif", "else", "end", "as", "try", "catch"),
        *("def", "reduce", "foreach", "label", "import", "include"),
    ]
)


class UnknownSyntaxError(Exception):
    """The text is not in the part of jq that can be judged."""


class Tokens:
    """`token` is the current one: its kind and its text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._left = TOKENS
        self.token = END
        self.take()

    def take(self) -> tuple[str, str]:
        """Gives the current token and goes on to the next one."""
        passed, self.token = self.token, END
        while self._place < len(self._text) and self.token == END:
            match = _TOKEN.match(self._text, self._place)
            self._left -= 1
            if match is None or self._left < 0:
                raise UnknownSyntaxError(self._text[self._place :][:20])
            self._place = match.end()
            if match.lastgroup != "space":
                self.token = ("keyword" if match[0] in _KEYWORDS else str(match.lastgroup), match[0])
        return passed

    def at(self, text: str) -> bool:
        """Whether the current token is this mark or keyword."""
        return self.token[1] == text and self.token[0] in ("mark", "keyword")

    def skip(self, text: str) -> bool:
        """Steps over the current token if it is this mark or keyword."""
        found = self.at(text)
        if found:
            self.take()
        return found

    def expect(self, text: str) -> None:
        """Steps over this mark or keyword, which has to be the current token."""
        if not self.skip(text):
            raise UnknownSyntaxError(f"`{text}` expected")

    def take_text(self) -> tuple[str, bool]:
        """The raw text of a string up to its end or to an expression in it, and whether an expression follows.

        The current token has to be the quote that opens the string or the bracket that closed an expression in it.
        """
        if self.token not in (("quote", '"'), ("mark", ")")):
            raise UnknownSyntaxError("a string expected")
        match = _TEXT.match(self._text, self._place)
        text = match[0] if match else ""
        self._place += len(text)
        opens = self._text.startswith("\\(", self._place)
        if not opens and not self._text.startswith('"', self._place):
            raise UnknownSyntaxError("the string does not end")
        self._place += 2 if opens else 1
        self.take()
        return text, opens
