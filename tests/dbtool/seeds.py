"""What the fuzzer starts from: statements on the rental schema, and what it puts into them."""

from pathlib import Path

_CASES = Path(__file__).parent / "cases"

STATEMENTS = (_CASES / "fuzz_seeds.txt").read_text().splitlines()
FRAGMENTS = (_CASES / "fuzz_fragments.txt").read_text().splitlines()

COMMENTS = (
    "/**/", "/*/**/ --*/", "/* x */", "/*x*//*/**/ --*/", "--\n", "-- '\r", "/* ' */", "/* /* */ */", "--\\\n", "/*",
    "*/", "/* -- */", "-- /*\n", '/* " */', "/*/*/**/*/*/", "--\r\n", "/***/", "/* $$ */", "-- $a$\n", "/*;*/",
)  # fmt: skip
BLANKS = (
    " ", "\t", "\n", "\r", "\f", "\v", "\x00", "\x1a", "\x7f", "\x85", "\xa0", "\u2003", "\u200b", "\u2028", "\u202e",
    "\u3000", "\ufeff", "\U000e0041",
)  # fmt: skip
GLUE = (
    "-", "--", "+", "@", "@-", "*", "/", "/*", "::", ":=", "=>", ":", "..", ".", "$1", "$$", "$a$", "'", "''", '"',
    '""', "E'", "e'\\'", "U&'", 'U&"', "B'", "N'", "\\", "`", "?", "#", "~", "!", "|", "||", "%", "^", "<", ">", "=",
    "&", "(", ")", "[", "]", ",", ";", "ä", "ſ", "1", "0x", "_1", "e5",
)  # fmt: skip
