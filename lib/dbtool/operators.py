"""The operators that are PostgreSQL's own or of extensions that it brings; any other is code of unknown effect."""

import re

# `select distinct oprname from pg_operator` on PostgreSQL 15 and 18: no function behind one of them is volatile.
_BUILT_IN = """
!! !~ !~* !~~ !~~* # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> << <<= <<| <= <> <?> <@
<^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> || ||/ ~ ~* ~<=~ ~<~ ~= ~>=~ ~>~ ~~ ~~*
"""
_PGVECTOR = "<-> <#> <=> <+> <~> <%>"
_PG_TRGM = "% <% %> <<% %>> <-> <<-> <->> <<<-> <->>>"
_LTREE = "^<@ ^@> ^~ ^? ?@> ?<@ ?~ ?@"
_OTHERS = "%% %# ~> <@>"  # of hstore, cube and earthdistance
_SYNTAX = "!= =>"  # another spelling of <>, and the mark behind an argument's name

OPERATORS = frozenset(f"{_BUILT_IN} {_PGVECTOR} {_PG_TRGM} {_LTREE} {_OTHERS} {_SYNTAX}".split())

MAX_LENGTH = 63  # PostgreSQL's own limit; a longer run is never looked at twice

# With one of these in it an operator may end in + or -.
_FREE = re.compile(r"[~!@#^&|`?%]")
_COMMENT = re.compile(r"--|/\*")


def first_operator(run: str) -> str:
    """The operator that PostgreSQL reads at the start of `run`, a run of operator characters that is no comment."""
    if comment := _COMMENT.search(run):
        run = run[: comment.start()]
    if len(run) <= MAX_LENGTH and run[-1] in "+-" and not _FREE.search(run):
        return run.rstrip("+-") or run[0]
    return run
