"""Long runs: what one more effect costs a run that has ten, a thousand, a hundred thousand behind it."""

from tests.bench.contenders import Prepared
from tests.bench.lab import Lab, middle

PATIENCE_SECONDS = 3600.0
WINDOW = 200
GAPS = """
with gaps as (
  select row_number() over w as n, extract(epoch from s.finished_at - lag(s.finished_at) over w) * 1000 as ms
  from ratchet.steps s window w as (order by s.seq)
)
select coalesce(json_agg(ms), '[]') from gaps where n > %s - %s and n <= %s and ms is not null
"""


def measure(lab: Lab, ours: Prepared, positions: list[int]) -> dict[int, float]:
    """Median milliseconds from one effect's end to the next one's, just before each of these numbers of effects."""
    with lab.copy(ours.template) as url, ours.processes(url, 1) as (worker,):
        worker.ask("enqueue_long", tasks=max(positions))
        worker.ask("work", runs=0)
        lab.wait(url, ours.contender.unfinished or "", lambda open_runs: open_runs == 0, PATIENCE_SECONDS)
        return {
            position: middle(lab.query(url, GAPS, position, min(WINDOW, position), position)[0])
            for position in positions
        }
