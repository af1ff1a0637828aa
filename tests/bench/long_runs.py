"""Long runs: what one more effect costs a run that has ten, a thousand, a hundred thousand behind it."""

from tests.bench.contenders import Prepared
from tests.bench.lab import Lab
from tests.bench.rounds import NotRun

# What is repeated until a condition holds, and what is done for each item of a collection.
LOOP, EACH = "long", "each"
# Some 600 kB of JSON, twice: a run may carry 16 MiB.
MOST_ITEMS = 100_000
SLOWEST_MS_PER_EFFECT = 50
WINDOW = 200
GAPS = """
with gaps as (
  select row_number() over w as n, extract(epoch from s.finished_at - lag(s.finished_at) over w) * 1000 as ms
  from ratchet.steps s window w as (order by s.seq)
)
select coalesce(json_agg(ms), '[]') from gaps where n > %s - %s and n <= %s and ms is not null
"""


def measure(lab: Lab, ours: Prepared, positions: list[int], shape: str) -> dict[int, list[float]]:
    """Milliseconds from one effect's end to the next one's, of those just before each of these numbers of effects."""
    tasks = max(positions)
    with lab.copy(ours.template) as url, ours.processes(url, 1) as (worker,):
        worker.ask("enqueue_long", tasks=tasks, shape=shape)
        worker.ask("work", runs=0)
        patience = ours.patience + tasks * SLOWEST_MS_PER_EFFECT / 1000
        lab.wait_for_none(url, ours.contender.unfinished or "", patience, worker.check)
        done = worker.ask("tally")["steps"]
        if done < tasks:
            raise NotRun(f"the run has ended after {done:,} of {tasks:,} effects")
        return {position: lab.query(url, GAPS, position, WINDOW, position)[0] for position in positions}
