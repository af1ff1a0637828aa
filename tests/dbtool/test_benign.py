"""What people really ask of a database is accepted, as what it is."""

import pytest

from tests.dbtool.verdicts import Case, read_cases, verdict


@pytest.mark.parametrize("case", read_cases("benchmarks.sql"), ids=str)
def test_an_ordinary_statement_is_accepted(case: Case):
    assert verdict(case.sql) == case.verdict


def test_the_suite_is_not_a_handful():
    assert len(read_cases("benchmarks.sql")) >= 150
