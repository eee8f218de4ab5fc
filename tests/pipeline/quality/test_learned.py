"""Learned bounds: rarely wrong on a stable stream, whatever its batches' size, and quick to see a fall."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.pipeline.quality.thresholds import LEAST_BATCHES, PastShare, learn_bound, learn_factor


def draw_shares(random, level, between, rows, batches):
    """Shares of batches whose true share moves around ``level`` by ``between`` on the arcsine scale."""
    angles = np.arcsin(np.sqrt(level)) + between * random.normal(size=batches)
    return random.binomial(rows, np.sin(np.clip(angles, 0, np.pi / 2)) ** 2) / rows


@pytest.mark.parametrize("rows", [200, 20_000])
@pytest.mark.parametrize(("level", "between"), [(0.9, 0.0), (0.999, 0.0), (0.7, 0.05)])
def test_batches_of_any_size_fall_below_as_rarely_as_stated(rows, level, between):
    random, repeats = np.random.default_rng(3), 1_500
    alarms = 0
    for _ in range(repeats):
        *before, now = draw_shares(random, level, between, rows, 9)
        alarms += now < learn_bound([PastShare(rows, share) for share in before], rows, 0.99, 0.0)
    assert alarms <= 0.02 * repeats


@pytest.mark.parametrize("rows", [200, 20_000])
def test_a_fall_is_seen(rows):
    past = [PastShare(rows, share) for share in draw_shares(np.random.default_rng(1), 0.98, 0.01, rows, 12)]
    assert learn_bound(past, rows, 0.999, 0.01) > 0.85


def test_a_small_batch_is_given_more_room_than_a_large_one_of_the_same_stream():
    past = [PastShare(5_000, share) for share in (0.90, 0.91, 0.89, 0.90, 0.90)]
    assert learn_bound(past, 50, 0.999, 0.0) < learn_bound(past, 5_000, 0.999, 0.0) < 0.9


def test_too_short_a_past_sets_no_bound():
    assert learn_bound([PastShare(100, 1.0)] * (LEAST_BATCHES - 1), 100, 0.999, 0.01) is None
    assert learn_factor([100.0] * (LEAST_BATCHES - 1), 0.999, 2.0, 10.0) == (100.0, 10.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 1)), min_size=4, max_size=24), st.integers(1, 10**6))
def test_a_bound_is_a_share_and_never_above_what_is_usual(past, cells):
    bound = learn_bound([PastShare(*one) for one in past], cells, 0.999, 0.01)
    assert 0 <= bound <= max(max(share for _, share in past) - 0.01, 0) + 0.2  # small batches are drawn to the middle


def test_a_steady_amount_may_double_and_one_that_varies_may_do_more():
    assert learn_factor([100.0] * 8, 0.999, 2.0, 10.0) == (100.0, 2.0)
    _, factor = learn_factor([50.0, 200.0, 80.0, 150.0, 60.0, 220.0], 0.999, 2.0, 10.0)
    assert factor > 10
