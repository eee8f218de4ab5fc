"""Novelty: stable streams raise no more alarms than allowed, whatever their batches' size; what is new is noticed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from claims_batch import SCHEMA
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.pipeline.drift.chance import share_chance
from pointsman.pipeline.drift.novelty import (
    LEAST_GROUP,
    LEAST_PAST,
    SPANS,
    Aspect,
    Novelty,
    Test,
    compute_scores,
    group_batches,
    learn_usual,
)
from pointsman.pipeline.drift.reference import fit_reference
from pointsman.pipeline.drift.sketch import sketch_inputs
from pointsman.pipeline.drift.verdict import UNSETTLED, Drift, judge_novelty

STREAM = replace(SCHEMA, numeric=("amount", "seats"), categorical=("make",), dates=())


def draw(random, rows, shift=0.0, levels=None, missing=0.0, wear=0.0):
    """Independent rows; ``wear`` is how much the batch as a whole differs from others by chance."""
    levels = levels or [f"make {number}" for number in range(30)]
    chances = np.arange(1, len(levels) + 1) ** -1.0
    amount = random.gamma(2, 1, rows) + shift + wear * random.normal()
    return pd.DataFrame(
        {
            "amount": np.where(random.random(rows) < missing, np.nan, amount),
            "seats": random.choice([2.0, 4.0, 8.0], rows),
            "make": pd.Series(random.choice(levels, rows, p=chances / chances.sum()), dtype="str"),
        }
    )


def judge_stream(batches, false_alarms=0.01, schema=STREAM, window=24):
    """Judge one batch after the other as updates do; the tests of each batch from the second on."""
    sketches, kept, judged = [sketch_inputs(batches[0], schema)], {}, []
    for number, batch in enumerate(batches[1:], 1):
        reference = fit_reference(pd.concat(batches[max(0, number - 3) : number], ignore_index=True), schema)
        sketches.append(sketch_inputs(batch, schema))
        tests = judge_novelty(compute_scores(reference, sketches[-window - 1 :]), kept, false_alarms)
        for test in tests:
            kept.setdefault(Test(test.column, Aspect(test.aspect), test.part), []).append(test.kept)
        judged.append(tests)
    return judged


def alarms(tests):
    return {(test.column, test.aspect) for test in tests if test.alarm}


def tell_alarms(tests):
    return {test.column for test in tests if test.alarm}


@pytest.mark.parametrize(("rows", "streams"), [(200, 5), (2_000, 3), (20_000, 1)])
def test_stable_streams_raise_few_alarms_at_any_size(rows, streams):
    judged = []
    for seed in range(streams):
        random = np.random.default_rng([rows, seed])
        batches = [draw(random, rows, wear=0.02) for _ in range(22)]
        judged += judge_stream(batches, false_alarms=0.05)[LEAST_PAST + UNSETTLED + 1 :]
    share = np.mean([bool(alarms(tests)) for tests in judged])
    assert all(test.p_value is not None for test in judged[0])
    assert share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(judged))


CHANGES = {
    "a shift": ({"shift": 1.0}, "amount", Aspect.LOCATION),
    "new levels": ({"levels": ["BYD", "Lifan"]}, "make", Aspect.UNSEEN),
    "missing cells": ({"missing": 0.3}, "amount", Aspect.SPREAD),
}


@pytest.mark.parametrize("rows", [200, 2_000])
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_noticed_at_once_and_in_its_own_column_alone(name, rows):
    change, column, aspect = CHANGES[name]
    random = np.random.default_rng(5)
    judged = judge_stream([*(draw(random, rows) for _ in range(14)), draw(random, rows, **change)])
    assert (column, aspect) in alarms(judged[-1])
    assert tell_alarms(judged[-1]) == {column}


def test_a_smaller_change_shows_more_surely_in_larger_batches():
    least = []
    for rows in (200, 2_000):
        random = np.random.default_rng(5)
        judged = judge_stream([*(draw(random, rows) for _ in range(14)), draw(random, rows, shift=0.25)])
        least.append(min(test.p_value for test in judged[-1] if test.column == "amount"))
    assert least[1] < 1e-4
    assert least[1] < least[0]


def test_a_regime_that_was_learned_is_not_new_when_it_returns():
    random = np.random.default_rng(2)
    regimes = [0.0] * 8 + [2.0] * 6 + [0.0] * 4 + [2.0] * 2
    judged = judge_stream([draw(random, 2_500, shift=shift) for shift in regimes])
    assert "amount" in tell_alarms(judged[7])
    assert not any(alarms(tests) for tests in judged[15:])


def test_a_season_that_was_learned_is_not_new():
    random = np.random.default_rng(3)
    batches = [draw(random, 2_500, shift=np.sin(2 * np.pi * number / 6)) for number in range(26)]
    judged = judge_stream(batches)
    assert not any(alarms(tests) for tests in judged[14:])


def test_one_row_alone_is_never_alarming_and_its_scores_are_numbers():
    random = np.random.default_rng(1)
    judged = judge_stream([*(draw(random, 300) for _ in range(10)), draw(random, 1, shift=50)])
    span_of_one = [test for test in judged[-1] if test.part == 1]
    assert np.isfinite([test.score for test in judged[-1]]).all()
    assert not any(test.alarm for test in span_of_one)
    lone = judge_stream([draw(random, 1) for _ in range(12)])
    assert np.isfinite([test.score for tests in lone for test in tests]).all()
    assert not any(alarms(tests) for tests in lone)


@pytest.mark.parametrize("cell", [4.0, np.nan])
def test_a_column_that_stands_still_is_not_new_until_it_moves(cell):
    random = np.random.default_rng(1)
    batches = [draw(random, 300).assign(seats=cell) for _ in range(12)]
    assert not any("seats" in tell_alarms(tests) for tests in judge_stream(batches))
    moved = judge_stream([*batches, draw(random, 300).assign(seats=5.0)])
    assert tell_alarms(moved[-1]) == {"seats"}


def test_a_column_that_vanishes_or_comes_later_is_judged_where_it_is_known():
    random = np.random.default_rng(4)
    wide, narrow = replace(STREAM, numeric=("amount", "seats")), replace(STREAM, numeric=("seats",))
    batches = [draw(random, 300) for _ in range(6)]
    reference = fit_reference(pd.concat(batches), wide)
    late = [sketch_inputs(batch, narrow if place < 4 else wide) for place, batch in enumerate(batches)]
    assert {(test.column, test.span) for test in compute_scores(reference, late) if test.column == "amount"} == {
        ("amount", 1)
    }
    lost = [sketch_inputs(batch, wide if place < 5 else narrow) for place, batch in enumerate(batches)]
    assert {test.column for test in compute_scores(reference, lost)} == {"seats", "make"}
    assert compute_scores(reference, lost[:1]) == {}


def test_later_batches_change_no_earlier_test_and_the_same_stream_is_judged_alike():
    def stream(later):
        random = np.random.default_rng(8)
        return [*(draw(random, 200) for _ in range(11)), draw(random, 200, shift=later)]

    first, other = judge_stream(stream(0.0)), judge_stream(stream(3.0))
    assert first[:-1] == other[:-1]
    assert first[-1] != other[-1]
    assert judge_stream(stream(3.0)) == other


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=40))
def test_groups_hold_every_row_once_and_are_large_enough(sizes):
    groups = [int(group.sum()) for group in group_batches([np.array([rows, 0]) for rows in sizes])]
    assert sum(groups) == sum(sizes)
    assert all(rows >= LEAST_GROUP for rows in groups) or len(groups) == 1
    assert max(groups) < 2 * LEAST_GROUP + 2 * max(sizes)


def test_no_batches_make_no_groups():
    assert group_batches([]) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=LEAST_PAST, max_size=40), st.floats(0, 1e9), st.floats(0, 1))
def test_a_p_value_is_a_probability_and_no_smaller_than_chance_alone(past, score, by_chance):
    test = Test("amount", Aspect.SPREAD)
    usual = learn_usual({test: past})[test]
    assert by_chance <= usual.compute_p_value(Novelty(score, by_chance)) <= 1
    limit = usual.find_limit(0.001)
    assert np.isfinite(limit)
    assert usual.compute_p_value(Novelty(limit, 0.0)) == pytest.approx(0.001, rel=1e-3)


def test_too_few_earlier_scores_tell_nothing():
    test = Test("amount", Aspect.SPREAD)
    assert learn_usual({test: [1.0] * (LEAST_PAST - 1)}) == {}
    (judged,) = judge_novelty({test: Novelty(1e6, 0.0)}, {test: [1.0] * (LEAST_PAST + UNSETTLED - 1)}, 0.01)
    assert (judged.drift, judged.p_value, judged.alarm, judged.kept) == (Drift.DATA, None, False, 1e6)


def test_an_alarm_keeps_no_more_than_a_stable_batch_may_show():
    test, past = Test("amount", Aspect.SPREAD), [1.0, 1.2, 0.8, 1.1, 0.9, 1.0, 1.0, 1.1]
    (judged,) = judge_novelty({test: Novelty(500.0, 0.0)}, {test: past}, 0.01)
    usual = learn_usual({test: past[:-UNSETTLED]})[test]
    assert judged.alarm
    assert judged.score == 500
    assert judged.kept == pytest.approx(usual.find_limit(0.01))
    assert judged.kept < 10
    (calm,) = judge_novelty({test: Novelty(1.3, 0.2)}, {test: past}, 0.01)
    assert (calm.alarm, calm.kept) == (False, 1.3)


@given(st.floats(0.001, 0.4), st.integers(0, 500))
def test_all_tests_together_have_the_chance_that_was_shared(false_alarms, tests):
    each = share_chance(false_alarms, tests)
    assert 1 - (1 - each) ** max(1, tests) == pytest.approx(false_alarms)


def test_both_spans_and_every_aspect_are_looked_at():
    random = np.random.default_rng(0)
    judged = judge_stream([draw(random, 100) for _ in range(4)])[-1]
    aspects = {
        "amount": {Aspect.SPREAD, Aspect.LOCATION},
        "seats": {Aspect.SPREAD, Aspect.LOCATION},
        "make": {Aspect.SPREAD, Aspect.UNSEEN},
    }
    wanted = {(column, aspect, span) for column, own in aspects.items() for aspect in own for span in SPANS}
    assert {(test.column, test.aspect, test.part) for test in judged} == wanted
