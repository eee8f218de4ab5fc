"""Concept drift: level and slope against simulated truth, odd predictions, and when losses are seen to change."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.task import Task
from pointsman.pipeline.drift.concept import (
    LEAST_PAST,
    MOST_CLASSES,
    Deviation,
    Relation,
    compute_deviations,
    find_changes,
    learn_expectation,
)

NO_YES = ("no", "yes")


def to_chance(odds):
    return 1 / (1 + np.exp(-odds))


def deviate(task, classes, target, outputs):
    """Deviations by relation and class; a warning is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compute_deviations(task, classes, np.asarray(target), np.asarray(outputs, dtype="float64"))
    return {(one.relation, one.label): one for one in found}


def deviate_binary(target, chances):
    return deviate(Task.BINARY, NO_YES, target, np.column_stack([1 - np.asarray(chances), chances]))


def draw_binary(rows, level=0.0, slope=1.0, seed=0):
    """Codes whose odds are ``level`` above and ``slope`` times those predicted, and what was predicted."""
    random = np.random.default_rng(seed)
    odds = random.normal(-1.0, 1.0, rows)
    return (random.random(rows) < to_chance(level + slope * odds)).astype(int), to_chance(odds)


def test_calibrated_probabilities_deviate_by_about_their_standard_error():
    ratios = [
        [one.estimate / one.error for one in deviate_binary(*draw_binary(400, seed=seed)).values()]
        for seed in range(300)
    ]
    assert np.mean(ratios, axis=0) == pytest.approx([0, 0], abs=0.25)
    assert np.std(ratios, axis=0) == pytest.approx([1, 1], abs=0.15)


@pytest.mark.parametrize("shift", [-0.2, 0.2])
def test_a_level_that_moved_is_found_in_log_odds(shift):
    found = deviate_binary(*draw_binary(100_000, level=shift))
    assert found[Relation.LEVEL, ""].estimate == pytest.approx(shift, abs=0.03)
    assert abs(found[Relation.LEVEL, ""].estimate) > 8 * found[Relation.LEVEL, ""].error


def test_a_slope_that_moved_is_found_with_its_sign():
    flat = deviate_binary(*draw_binary(50_000, slope=0.8))[Relation.SLOPE, ""]
    steep = deviate_binary(*draw_binary(50_000, slope=1.2))[Relation.SLOPE, ""]
    assert flat.estimate == pytest.approx(-0.2, abs=0.05)
    assert steep.estimate == pytest.approx(0.2, abs=0.05)


def test_the_level_of_every_class_is_found_and_of_many_only_the_frequent_ones():
    random = np.random.default_rng(0)
    classes = tuple("abc")
    outputs = random.dirichlet([3, 2, 1], 30_000)
    target = (random.random(30_000)[:, None] > outputs.cumsum(axis=1)).sum(axis=1).clip(max=2)
    fair = deviate(Task.MULTICLASS, classes, target, outputs)
    assert {key for key in fair if key[0] is Relation.LEVEL} == {(Relation.LEVEL, label) for label in classes}
    assert max(abs(one.estimate / one.error) for one in fair.values()) < 4
    fewer = np.where((target == 2) & (random.random(30_000) < 0.3), 0, target)
    moved = deviate(Task.MULTICLASS, classes, fewer, outputs)
    assert moved[Relation.LEVEL, "c"].estimate < -5 * moved[Relation.LEVEL, "c"].error
    assert moved[Relation.LEVEL, "a"].estimate > 5 * moved[Relation.LEVEL, "a"].error
    many = tuple(f"class {number}" for number in range(30))
    levels = deviate(Task.MULTICLASS, many, np.arange(3_000) % 29, np.full((3_000, 30), 1 / 30))
    assert len([key for key in levels if key[0] is Relation.LEVEL]) == MOST_CLASSES


def test_level_slope_and_size_of_errors_of_numbers_are_found_in_units_of_the_target():
    random = np.random.default_rng(0)
    predicted = random.normal(0, 1, 20_000)
    noise = random.normal(0, 1, 20_000)
    fair = deviate(Task.REGRESSION, (), predicted + noise, predicted[:, None])
    assert fair[Relation.LEVEL, ""].estimate == pytest.approx(0, abs=0.03)
    assert fair[Relation.SLOPE, ""].estimate == pytest.approx(0, abs=0.03)
    off = deviate(Task.REGRESSION, (), 1000 * (0.7 + 0.6 * predicted + 2 * noise), 1000 * predicted[:, None])
    assert off[Relation.LEVEL, ""].estimate == pytest.approx(0.7 / np.hypot(0.6, 2), abs=0.03)
    assert off[Relation.SLOPE, ""].estimate == pytest.approx(-0.4, abs=0.05)
    assert off[Relation.ERROR, ""].estimate > fair[Relation.ERROR, ""].estimate + 0.1


@pytest.mark.parametrize("chance", [0.0, 0.1, 1 / 3, 0.7, 1.0])
def test_constant_predictions_have_no_slope(chance):
    target = (np.random.default_rng(0).random(997) < 0.3).astype(int)
    assert set(deviate_binary(target, np.full(997, chance))) == {(Relation.LEVEL, "")}
    numbers = deviate(Task.REGRESSION, (), target * 3.3, np.full((997, 1), chance))
    assert set(numbers) == {(Relation.LEVEL, ""), (Relation.ERROR, "")}


@pytest.mark.parametrize("code", [0, 1])
def test_one_class_alone_moves_the_level_and_breaks_nothing(code):
    _, chances = draw_binary(500)
    found = deviate_binary(np.full(500, code), chances)
    assert np.sign(found[Relation.LEVEL, ""].estimate) == (1 if code else -1)


chances_of_rows = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([0.0, 1.0, 0.5, 1e-12]), st.floats(0, 1)), min_size=1, max_size=40
)


@settings(max_examples=120, deadline=None)
@given(chances_of_rows)
def test_no_probability_makes_a_deviation_that_is_no_number(rows):
    target, first, share = (np.array(one) for one in zip(*rows, strict=True))
    outputs = np.column_stack([first, (1 - first) * share, (1 - first) * (1 - share)])
    for one in [
        *deviate(Task.MULTICLASS, tuple("abc"), target, outputs).values(),
        *deviate_binary(target.clip(max=1), first).values(),
    ]:
        assert np.isfinite([one.estimate, one.error]).all()
        assert one.error >= 0


numbers = st.floats(-1e308, 1e308) | st.sampled_from([0.0, 5e-324, 1.0, 1e-200])


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=40))
def test_no_number_makes_a_deviation_that_is_none(rows):
    target, predicted = np.array(rows).T
    for one in deviate(Task.REGRESSION, (), target, predicted[:, None]).values():
        assert np.isfinite([one.estimate, one.error]).all()
        assert one.error >= 0


def test_too_little_past_leads_to_no_expectation():
    assert learn_expectation([(0.0, 0.1)] * (LEAST_PAST - 1)) is None
    assert learn_expectation([(0.0, 0.1)] * LEAST_PAST) is not None


def test_what_differs_between_batches_beyond_chance_widens_the_expectation():
    random = np.random.default_rng(0)
    exact = learn_expectation([(float(one), 0.1) for one in random.normal(0.5, 0.1, 60)])
    loose = learn_expectation([(float(one), 0.1) for one in random.normal(0.5, 0.5, 60)])
    assert exact.spread < 0.07
    assert loose.spread == pytest.approx(0.5, abs=0.15)
    far = Deviation(Relation.LEVEL, "", 1.1, 0.1)
    assert exact.compute_p_value(far) < 0.001 < 0.05 < loose.compute_p_value(far)


def test_a_deviation_unlike_a_past_without_any_spread_is_surely_one():
    still = learn_expectation([(0.25, 0.0)] * 8)
    assert still.compute_p_value(Deviation(Relation.LEVEL, "", 0.25, 0.0)) == 1
    assert still.compute_p_value(Deviation(Relation.LEVEL, "", 0.3, 0.0)) < 1e-6


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 3)), min_size=LEAST_PAST, max_size=30),
    st.floats(-50, 50),
    st.floats(0, 3),
)
def test_a_p_value_is_a_probability_that_falls_with_the_distance(past, estimate, error):
    expected = learn_expectation(past)
    farther = expected.mean + 2 * (estimate - expected.mean)
    near, far = (expected.compute_p_value(Deviation(Relation.LEVEL, "", one, error)) for one in (estimate, farther))
    assert 0 <= far <= near <= 1


def test_both_detectors_see_a_step_and_say_where():
    random = np.random.default_rng(0)
    losses = random.normal(0.3, 0.1, 4_000)
    losses[3_400:] += 0.2
    found = find_changes(losses, newest=1_000)
    assert set(found) == {"ADWIN", "Page-Hinkley"}
    assert all(400 <= row < 700 for row in found.values())
    assert find_changes(losses * 1e6, newest=1_000) == found


def test_still_losses_and_changes_before_the_newest_rows_are_not_told():
    still = np.full(2_000, 0.4)
    assert find_changes(still, newest=500) == {}
    assert find_changes(np.empty(0), newest=0) == {}
    stepped = np.random.default_rng(1).normal(0.3, 0.1, 3_000)
    stepped[:1_000] += 0.5
    assert find_changes(stepped, newest=500) == {}


def test_a_target_that_stands_still_is_measured_in_its_own_unit():
    predicted = np.random.default_rng(0).normal(0.1, 0.01, 999)
    found = deviate(Task.REGRESSION, (), np.full(999, 0.1), predicted[:, None])
    assert all(abs(one.estimate) < 10 for one in found.values())
