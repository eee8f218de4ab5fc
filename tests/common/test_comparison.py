"""The paired comparison holds what its interval promises."""

import numpy as np
import pytest

from pointsman.common.comparison import Outcome, compare_losses

ROWS = 240


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_holds_the_true_difference_most_of_the_time(seed):
    generator = np.random.default_rng(seed)
    outcomes = [
        compare_losses(generator.normal(1, 1, ROWS), generator.normal(1, 1, ROWS), 0.9).outcome for _ in range(200)
    ]
    assert 0.1 < sum(outcome is not Outcome.UNDECIDED for outcome in outcomes) / 200 < 0.3


def test_rows_that_are_alike_in_blocks_widen_the_interval():
    generator = np.random.default_rng(1)
    level = np.repeat(generator.normal(0, 1, 24), 10)
    scattered = generator.permutation(level)
    nothing = np.zeros(ROWS)
    assert compare_losses(level, nothing, 0.9).error > 2 * compare_losses(scattered, nothing, 0.9).error


def test_a_single_row_decides_nothing():
    assert compare_losses(np.array([0.0]), np.array([9.0]), 0.9).outcome is Outcome.UNDECIDED


def test_a_clear_difference_is_seen_from_both_sides():
    generator = np.random.default_rng(2)
    low, high = generator.normal(1, 0.1, ROWS), generator.normal(2, 0.1, ROWS)
    assert compare_losses(low, high, 0.9).outcome is Outcome.BETTER
    assert compare_losses(high, low, 0.9).outcome is Outcome.WORSE
