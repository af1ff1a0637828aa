"""What the guard costs: `python -m tests.bench.guard` prints µs per statement by layer, imports, and the worst case.

Medians of rounds, in CPU time of the one thread, so that other work on the machine does not count. The worst statement
is the slowest median among the suites of cases, and the corpus when it is there. The garbage collector's full passes
(up to 60 ms with sqlglot loaded, once in many statements) are kept out.
"""

import gc
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

_START = time.process_time()

from lib.dbtool import second, tree  # noqa: E402 - the import is what is timed
from lib.dbtool.copy import copy_of  # noqa: E402
from lib.dbtool.guard import judge  # noqa: E402
from lib.dbtool.lexer import lex  # noqa: E402
from lib.dbtool.resolve import resolve  # noqa: E402
from lib.dbtool.source import Source  # noqa: E402
from tests.dbtool.verdicts import CATALOG, read_cases, verdict  # noqa: E402

CORPUS = Path(__file__).parents[2].parent / "shared" / "sqlguard" / "shared_corpus.jsonl"
STATEMENTS = {
    "constant": "select 1",
    "simple": "select id, title, released, length from films where released > '2020-01-01' order by title limit 50",
    "join": "select f.title, count(*) as times, sum(r.fee) as earned, max(r.due) as latest from films f "
    "join rentals r on r.film_id = f.id where r.state = 'returned' and r.fee > 2.5 and f.title like 'A%' "
    "group by f.title order by earned desc limit 20",
    "windows": "with monthly as (select film_id, date_trunc('month', due) as month, sum(fee) as earned from rentals "
    "where due >= now() - interval '1 year' group by film_id, date_trunc('month', due)), ranked as (select m.*, "
    "rank() over (partition by month order by earned desc) as place, earned - lag(earned) over (partition by film_id "
    "order by month) as change from monthly m) select r.month, f.title, r.earned, r.change from ranked r join films f "
    "on f.id = r.film_id where r.place <= 3 order by 1, r.place",
    "update": "update rentals set fee = round(fee * 1.1, 2), note = coalesce(note, '') || ' late' "
    "where state = 'late' and due < now() - interval '7 days'",
    "in 1,000": f"select title from films where id in ({', '.join(map(str, range(1000)))})",
}


def microseconds(work: Callable[[], object], seconds: float = 0.4) -> float:
    """The median time of one round of `work`."""
    rounds: list[float] = []
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        start = time.thread_time()
        work()
        rounds.append(time.thread_time() - start)
    return median(rounds) * 1e6


def by_layer(sql: str) -> list[float]:
    """µs of the lexer, libpg_query, the walks over its tree, sqlglot and its walk, and of all together."""
    lexed = lex(sql)
    source = Source(lexed.text, lexed.tokens)
    kind, root = second.parse(source)
    copy = copy_of(lexed.tokens)
    return [
        microseconds(lambda: lex(sql)),
        microseconds(lambda: second.parse(source)),
        microseconds(lambda: resolve(kind, root, source, CATALOG)),
        microseconds(lambda: tree.view(source, copy)),
        microseconds(lambda: judge(sql, CATALOG)),
    ]


def worst() -> tuple[float, str]:
    """The slowest statement of all cases: its median of five in µs, and its beginning."""
    statements = [case.sql for name in ("benchmarks", "hostile", "conditions") for case in read_cases(f"{name}.sql")]
    if CORPUS.exists():
        statements += [json.loads(line)["sql"] for line in CORPUS.read_text().splitlines()]
    found = []
    for sql in statements:
        times = []
        for _ in range(5):
            start = time.thread_time()
            verdict(sql)
            times.append(time.thread_time() - start)
        found.append((median(times) * 1e6, sql[:60]))
    return max(found)


def main() -> None:
    """Print the table."""
    judge("select 1", CATALOG)
    first = time.process_time() - _START
    gc.collect()
    gc.freeze()
    print(f"Python {platform.python_version()}; imports and the first decision: {first * 1000:.0f} ms")
    print(f"{'µs per statement':<18}{'chars':>6}{'lexer':>8}{'libpg':>8}{'walks':>8}{'sqlglot':>9}{'judge':>8}")
    for name, sql in STATEMENTS.items():
        lexing, parsing, walking, second_reading, whole = by_layer(sql)
        print(f"{name:<18}{len(sql):>6}{lexing:>8.0f}{parsing:>8.0f}{walking:>8.0f}{second_reading:>9.0f}{whole:>8.0f}")
    slowest, sql = worst()
    print(f"worst of all cases: {slowest / 1000:.1f} ms: {sql!r}")


if __name__ == "__main__":
    main()
