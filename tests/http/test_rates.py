"""The token bucket, on a clock of our own."""

from lib.http import rates
from tests.conftest import Configure


def test_lets_a_full_bucket_go_at_once_and_no_more(configure: Configure) -> None:
    assert [rates.take("a", 3, 60, now=0.0) for _ in range(3)] == [2, 1, 0]
    assert rates.take("a", 3, 60, now=0.0) < 0


def test_fills_up_with_time_but_never_over_the_brim(configure: Configure) -> None:
    for _ in range(3):
        rates.take("a", 3, 60, now=0.0)
    assert rates.take("a", 3, 60, now=19.0) < 0
    assert rates.take("a", 3, 60, now=20.0) == 0
    assert rates.take("a", 3, 60, now=10_000.0) == 2


def test_a_refused_request_costs_nothing(configure: Configure) -> None:
    rates.take("a", 1, 60, now=0.0)
    for second in range(1, 60):
        assert rates.take("a", 1, 60, now=float(second)) < 0
    assert rates.take("a", 1, 60, now=60.0) >= 0


def test_callers_do_not_share_a_bucket(configure: Configure) -> None:
    assert rates.take("a", 1, 60, now=0.0) == 0
    assert rates.take("b", 1, 60, now=0.0) == 0


def test_forgets_the_oldest_of_too_many_callers(configure: Configure) -> None:
    for number in range(10_001):
        rates.take(f"caller {number}", 1, 60, now=0.0)
    assert rates.take("caller 10000", 1, 60, now=0.0) < 0
    assert rates.take("caller 0", 1, 60, now=0.0) == 0
