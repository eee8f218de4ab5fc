"""The formulas of the sizing page find the costs that they were made from, and say what a larger stream costs."""

import pytest

from benchmarks.sizing import CHECKED, GRID, Cost, fit_formulas, foretell, make_stream


def cost(point):
    cells = point.learned * point.columns / 1e6
    return Cost(
        seconds=3 + 0.5 * point.models + 20 * cells * point.models,
        peak_mb=350 + 100 * cells + 500 * point.rows * point.models / 1e6,
        disk_mb=1 + 30 * point.rows * point.columns / 1e6 + 0.1 * point.models,
    )


def test_a_larger_stream_is_foretold_from_the_points_of_the_grid():
    told, true = foretell(fit_formulas(GRID, [cost(point) for point in GRID]), CHECKED), cost(CHECKED)
    assert (told.seconds, told.peak_mb, told.disk_mb) == pytest.approx((true.seconds, true.peak_mb, true.disk_mb))


def test_a_made_stream_has_its_size_and_both_labels():
    table = make_stream(500, 8)
    assert table.equals(make_stream(500, 8))
    assert table.shape == (500, 10)
    assert 0.2 < table["won"].mean() < 0.8
