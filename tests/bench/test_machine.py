"""The machine stays as fast and as small as it was, however much a run has behind it."""

from tests.bench.machine import history_ratio, memory_over_time


def test_a_task_costs_the_same_after_twenty_thousand_others():
    assert history_ratio(200, 20_000) <= 2


def test_a_loop_needs_no_more_memory_the_longer_it_runs():
    traced = [traced for _, traced, _ in memory_over_time(5_000)][1:-1]
    assert max(traced) - min(traced) < 500_000
