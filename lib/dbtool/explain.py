"""Takes EXPLAIN off a statement, so that what it explains is judged as a statement of its own."""

from lib.dbtool.lexer import Lexed, Token
from lib.dbtool.refusals import refused

# Each is a yes or no; the first ones only say how the plan is shown.
_FLAGS = frozenset({"verbose", "costs", "settings", "generic_plan", "buffers", "summary", "memory"})
_RUNNING = frozenset({"analyze", "analyse", "timing", "wal"})  # mean nothing unless the statement runs
_FORMATS = frozenset({"text", "xml", "json", "yaml"})
_TRUTH = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
_STATEMENT = frozenset({"select", "with", "values", "table"})


def split_explain(lexed: Lexed) -> tuple[str | None, Lexed]:
    """The options of a plain EXPLAIN ("" for none; None if it is no EXPLAIN) and the statement behind it.

    The options come back in one canonical form, to be put in brackets: `costs false, format json`. Raises
    QueryRefused if the statement would be run, for an option that is not known, or if another EXPLAIN follows.
    """
    tokens = lexed.tokens
    if not _is_word(tokens, 0, "explain"):
        return None, lexed
    if _is_mark(tokens, 1, "(") and not _opens_statement(tokens):
        place, options = _read_options(tokens)
    else:
        place, options = _read_words(tokens)
    if place >= len(tokens):
        raise refused("empty", tokens[-1].position + len(tokens[-1].text))
    if _is_word(tokens, place, "explain"):
        raise refused("explain_nested", tokens[place].position)
    return options, _rest(lexed, place)


def _is_word(tokens: tuple[Token, ...], place: int, *words: str) -> bool:
    return place < len(tokens) and tokens[place].kind == "word" and tokens[place].value in words


def _is_mark(tokens: tuple[Token, ...], place: int, *marks: str) -> bool:
    return place < len(tokens) and tokens[place].kind == "punctuation" and tokens[place].text in marks


def _opens_statement(tokens: tuple[Token, ...]) -> bool:
    """Whether the bracket behind EXPLAIN belongs to the statement: `explain (select 1)`."""
    place = 1
    while _is_mark(tokens, place, "("):
        place += 1
    return _is_word(tokens, place, *_STATEMENT)


def _read_words(tokens: tuple[Token, ...]) -> tuple[int, str]:
    """The older form, `explain verbose …`: where the statement begins, and the options."""
    if _is_word(tokens, 1, "analyze", "analyse"):
        raise refused("explain_analyze", tokens[1].position)
    return (2, "verbose true") if _is_word(tokens, 1, "verbose") else (1, "")


def _read_options(tokens: tuple[Token, ...]) -> tuple[int, str]:
    """The options in brackets: where the statement begins, and the options; the last one of a name counts."""
    chosen: dict[str, tuple[str, Token]] = {}
    place = 1
    while not _is_mark(tokens, place, ")"):
        token = tokens[place + 1]
        if token.kind not in ("word", "quoted"):
            raise refused("explain_option", token.position)
        place += 2
        argument = None
        if not _is_mark(tokens, place, ",", ")"):
            argument = tokens[place].value.lower()
            place += 1
        if not _is_mark(tokens, place, ",", ")"):
            raise refused("explain_option", token.position)
        chosen[token.value] = (_setting(token, argument), token)
    for name in chosen.keys() & _RUNNING:
        setting, token = chosen.pop(name)
        if setting != "false":
            raise refused("explain_option" if name in ("timing", "wal") else "explain_analyze", token.position)
    return place + 1, ", ".join(f"{name} {setting}" for name, (setting, _) in sorted(chosen.items()))


def _setting(name: Token, argument: str | None) -> str:
    """An option's value as PostgreSQL understands it: `json`, `true` or `false`."""
    if name.value == "format" and argument in _FORMATS:
        return argument
    truth = True if argument is None else _TRUTH.get(argument)
    if truth is None or name.value not in _FLAGS | _RUNNING:
        raise refused("explain_option", name.position)
    return "true" if truth else "false"


def _rest(lexed: Lexed, place: int) -> Lexed:
    """The tokens from `place` on as a text of their own."""
    shift = lexed.tokens[place].start
    tokens = tuple(token._replace(start=token.start - shift) for token in lexed.tokens[place:])
    return Lexed(lexed.text[shift:], tokens)
