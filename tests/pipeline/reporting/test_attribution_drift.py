"""Attribution drift: stable years stay quiet as often as is said, a change is found, and nothing looks ahead."""

import numpy as np
import pytest

from pointsman.pipeline.reporting.explanation.attribution_drift import LEAST_PAST, Attribution, judge_attributions

FEATURES = [f"f{number}" for number in range(12)]
USUAL = np.array([5, 4, 3, 2, 1.5, 1, 1, 0.5, 0.5, 0.2, 0.1, 0.0])


def make_batch(generator, number, usual=USUAL, rows=40, between=0.1):
    """Attributions of rows: skewed sizes around a mean that varies a little from batch to batch."""
    means = usual * generator.lognormal(0, between, len(usual))
    sizes = means * generator.gamma(2.0, 0.5, size=(rows, len(usual)))
    errors = sizes.std(axis=0, ddof=1) / rows**0.5
    named = (dict(zip(FEATURES, each.tolist(), strict=True)) for each in (sizes.mean(axis=0), errors))
    return Attribution(number, "m-0001", rows, *named)


def find_alarms(known, false_alarms=0.01):
    return {one.batch for one in judge_attributions(known, false_alarms) if one.alarm}


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_stable_years_raise_no_more_false_alarms_than_allowed(rate):
    """Of 600 judged batches in stable years of twelve; three standard errors are chance."""
    alarms = judged = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        known = [make_batch(generator, number) for number in range(LEAST_PAST + 6)]
        alarms += len(find_alarms(known, rate))
        judged += 6
    assert alarms / judged <= rate + 3 * (rate / judged) ** 0.5


def test_a_change_of_what_answers_rest_on_is_found_at_once_and_by_its_name():
    found = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        known = [make_batch(generator, number) for number in range(10)]
        changed = USUAL * np.where(np.arange(12) == 4, 6, 1)
        tests = judge_attributions([*known, make_batch(generator, 10, changed)], 0.01)
        newest = [one for one in tests if one.batch == 10]
        worst = min(newest, key=lambda one: one.p_value)
        found += worst.alarm and worst.feature == "f4"
    assert found >= 18


def test_a_change_becomes_usual():
    generator = np.random.default_rng(3)
    changed = USUAL * np.where(np.arange(12) == 4, 6, 1)
    known = [make_batch(generator, number) for number in range(10)]
    known += [make_batch(generator, number, changed) for number in range(10, 24)]
    alarms = find_alarms(known)
    assert 10 in alarms
    assert not alarms & set(range(18, 24))


def test_a_batch_is_judged_by_earlier_ones_alone():
    generator = np.random.default_rng(0)
    known = [make_batch(generator, number) for number in range(14)]
    whole = judge_attributions(known, 0.01)
    for end in (LEAST_PAST + 1, 10):
        assert judge_attributions(known[:end], 0.01) == [one for one in whole if one.batch < end]
    assert min(one.batch for one in whole) == LEAST_PAST


def test_features_that_hardly_count_are_not_judged():
    generator = np.random.default_rng(0)
    tests = judge_attributions([make_batch(generator, number) for number in range(9)], 0.01)
    assert {one.feature for one in tests} == set(FEATURES[:7])


def test_batches_that_are_alike_by_chance_do_not_make_the_next_one_an_alarm():
    one = make_batch(np.random.default_rng(0), 0)
    other = make_batch(np.random.default_rng(0), 0, between=0.0)
    known = [Attribution(number, "m", 40, one.mean_abs, one.errors) for number in range(8)]
    assert find_alarms([*known, Attribution(8, "m", 40, other.mean_abs, one.errors)]) == set()
