"""Where an expression may run: here, on values up to a certain size, or only under guard; judged from its text."""

from typing import NamedTuple

from lib.dsl.guard_builtins import RULES
from lib.dsl.guard_costs import affordable_size
from lib.dsl.guard_reads import INPUT, Reads, find_reads
from lib.dsl.guard_syntax import parse
from lib.dsl.guard_tokens import UnknownSyntaxError


class Verdict(NamedTuple):
    """`size` is that of the largest values, as bytes of JSON, that the expression may meet here; 0 for none."""

    size: int
    reads: dict[str, Reads]


def judge(text: str) -> Verdict:
    """Looks at an expression; one that is not wholly understood runs under guard and is given everything."""
    try:
        tree = parse(text)
    except UnknownSyntaxError:
        return Verdict(0, {INPUT: None})
    return Verdict(affordable_size(tree, RULES), find_reads(tree))
