"""How unlikely a count is: never underestimated, exact for one row, and usual where it is as often as before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from pointsman.model_zoo.unusual import FAR_MORE, UNLIKELY, bound_chance, is_usual

SHARES = st.floats(0.0, 1.0)


@given(st.integers(1, 500), SHARES, SHARES)
def test_the_bound_is_never_below_the_chance_itself(rows, part, share):
    count = round(part * rows)
    (bound,) = bound_chance(np.array([count]), rows, share)
    assert binom.sf(count - 1, rows, share) - 1e-9 <= bound <= 1


@given(SHARES)
def test_for_one_row_the_bound_is_the_share(share):
    assert bound_chance(np.array([1]), 1, share)[0] == pytest.approx(share)


@given(st.integers(1, 10_000), SHARES, SHARES)
def test_what_is_no_more_than_usual_is_usual_and_more_hits_are_never_more_usual(rows, part, usual):
    counts = np.arange(0, rows + 1, max(1, rows // 50))
    verdicts = is_usual(counts, rows, np.full(len(counts), usual))
    assert (np.diff(verdicts.astype(int)) <= 0).all()
    if usual * rows >= 1:
        assert is_usual(np.array([int(min(part, 1) * usual * rows)]), rows, np.array([usual])).all()


def test_one_row_is_judged_by_how_usual_a_hit_is():
    limit = UNLIKELY / FAR_MORE
    assert is_usual(np.ones(4), 1, np.array([0.0, limit - 0.001, limit, 0.22])).tolist() == [False, False, True, True]


def test_columns_without_cells_are_no_error():
    assert np.isfinite(bound_chance(np.zeros(3, dtype=int), np.zeros(3, dtype=int), np.array([0.0, 0.5, 1.0]))).all()
    assert bound_chance(np.zeros(0), np.zeros(0), np.zeros(0)).shape == (0,)
