"""Cases as data: files of statements, each under a line `-- verdict: what is shown`, and the catalog they go with."""

import re
from pathlib import Path
from typing import NamedTuple

from lib.dbtool.catalog import Catalog, Column, Table
from lib.dbtool.guard import judge
from lib.errors import QueryRefused

_CASES = Path(__file__).parent / "cases"
_HEAD = re.compile(r"^-- (?P<verdict>read|write|refused [a-z_]+): (?P<title>.+)$")
_TYPES = {
    **dict.fromkeys(("state", "note", "title"), "text"),
    "paid": "boolean",
    "due": "timestamp with time zone",
    "tags": "text[]",
}


def _table(*columns: str) -> Table:
    """A table with these columns, of which the first is never null."""
    return Table(tuple(Column(name, _TYPES.get(name, "integer"), nullable=name != columns[0]) for name in columns))


CATALOG = Catalog(
    schemas=("public", "app", "s"),
    tables={
        ("public", "rentals"): _table(
            "id", "state", "note", "fee", "paid", "film_id", "customer_id", "due", "tags", "started"
        ),
        ("public", "films"): _table("id", "title"),
    },
    functions=frozenset({"touch", "stamp", "add_fee", "purge", "merge_action", "json_scalar"}),
    types=frozenset({"rental_state"}),
    domains=frozenset({"noisy"}),
)


class Case(NamedTuple):
    """A statement and what the guard has to say: `read`, `write`, or the code of a refusal."""

    verdict: str
    title: str
    sql: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.title}"


def read_cases(name: str) -> list[Case]:
    """The cases of one file."""
    cases: list[Case] = []
    lines: list[str] = []
    for line in (_CASES / name).read_text().splitlines():
        head = _HEAD.match(line)
        if head:
            lines = []
            cases.append(Case(head["verdict"].removeprefix("refused "), head["title"], ""))
        elif cases:
            lines.append(line)
            cases[-1] = cases[-1]._replace(sql="\n".join(lines).strip())
    return cases


def read_lines(name: str) -> list[str]:
    """The statements of a file that has one on each line."""
    return [line for line in (_CASES / name).read_text().splitlines() if line and not line.startswith("--")]


def verdict(sql: str, catalog: Catalog = CATALOG) -> str:
    """What the guard says: `read`, `write`, or the code of its refusal."""
    try:
        return judge(sql, catalog).kind
    except QueryRefused as refusal:
        return str(refusal.extra["code"])
