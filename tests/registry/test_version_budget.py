"""The budget: judged by what is stored of a line's newest version, and never so that nothing is left."""

import pytest
from made_versions import make_version

from pointsman.common.config import BudgetConfig
from pointsman.registry.budget import exclude_lines, find_excess

CHEAP = make_version(1, line="cheap", predict_us=5.0, bytes=10_000)
SLOW = make_version(2, line="slow", predict_us=50.0, bytes=10_000)
LARGE = make_version(3, line="large", predict_us=5.0, bytes=3_000_000)
STORED = [CHEAP, SLOW, LARGE]
LINES = ["cheap", "slow", "large"]


@pytest.mark.parametrize(
    ("budget", "excluded"),
    [
        ({}, []),
        ({"predict_us": 50.0}, []),
        ({"predict_us": 49.9}, ["slow"]),
        ({"mb": 1.0}, ["large"]),
        ({"predict_us": 10, "mb": 1.0}, ["slow", "large"]),
        ({"predict_us": 1}, []),
    ],
)
def test_lines_beyond_the_budget_are_barred_unless_none_is_left(budget, excluded):
    assert list(exclude_lines(BudgetConfig(**budget), LINES, STORED)) == excluded


def test_a_line_that_nothing_is_known_of_waits_where_there_is_a_budget():
    assert not exclude_lines(BudgetConfig(), ["new", *LINES], STORED)
    assert list(exclude_lines(BudgetConfig(mb=99), ["new", *LINES], STORED)) == ["new"]
    assert not exclude_lines(BudgetConfig(mb=99), ["new"], STORED)


def test_the_excess_is_told_in_numbers():
    assert "took 50 microseconds a row, and promotion.budget.predict_us is 20" in find_excess(
        BudgetConfig(predict_us=20), SLOW
    )
    assert "has 3.00 MB, and promotion.budget.mb is 2.5" in find_excess(BudgetConfig(mb=2.5), LARGE)
