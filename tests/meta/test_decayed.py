"""Decayed records: newer batches count more, newcomers are compared fairly, and returning regimes count again."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pointsman.common.task import Task
from pointsman.meta.decayed import (
    PartLosses,
    compute_decayed_records,
    compute_part_losses,
    measure_level,
    measure_parts,
    recall,
    soften,
)
from pointsman.meta.past import stack_records
from tests.meta.made_records import LINES, make_record, make_records

NAN = np.nan


def make_parts(losses, damaged=False):
    losses = np.array(losses, dtype=float)
    return PartLosses(
        np.arange(1, len(losses) + 1), np.full(len(losses), int(damaged)), losses, np.full(len(losses), 9)
    )


def test_a_batch_counts_half_after_its_half_life():
    records = compute_decayed_records(make_parts([[0.0, 1.0], [1.0, 1.0]]), True, half_life=1.0)
    assert records[1] - records[0] == pytest.approx(1 / 3)


def test_a_newcomer_is_not_judged_by_how_hard_its_few_batches_were():
    easy_then_hard = [[0.1, 0.3, NAN], [0.1, 0.3, NAN], [1.1, 1.3, 1.0]]
    known, worse, newcomer = compute_decayed_records(make_parts(easy_then_hard), True, 4.0)
    assert newcomer < known < worse
    assert newcomer - known == pytest.approx(-0.1)


def test_a_line_without_any_record_is_taken_for_the_worst():
    records = compute_decayed_records(make_parts([[0.1, 0.3, NAN], [0.2, 0.5, NAN]]), True, 4.0)
    assert records[2] == records[1]


def test_clean_and_damaged_records_are_kept_apart():
    parts = compute_part_losses(stack_records(make_records(4), LINES))
    clean, damaged = (compute_decayed_records(parts, of_clean, 4.0) for of_clean in (True, False))
    assert LINES[int(np.argmin(clean))] == "good"
    assert LINES[int(np.argmin(damaged))] == "robust"


def test_without_a_part_every_record_is_nought():
    assert compute_decayed_records(make_parts([[0.1, 0.2]]), False, 4.0).tolist() == [0.0, 0.0]


def test_a_returning_regime_brings_its_records_back():
    calm, storm = [0.2, 0.4, 0.6, 0.8], [0.8, 0.6, 0.4, 0.2]
    parts = make_parts([storm, storm, calm, calm, calm, storm])
    assert recall(parts, 1, 6) > 0.25
    assert recall(parts, 4, 6) == 0.0
    forgetful = compute_decayed_records(parts, True, 4.0)
    mindful = compute_decayed_records(parts, True, 4.0, returning=True)
    assert mindful[3] - mindful[0] < forgetful[3] - forgetful[0]


def test_the_level_is_that_of_lines_known_everywhere():
    losses = np.array([[1.0, 3.0, NAN], [2.0, 4.0, 0.0]])
    assert measure_level(losses).ravel().tolist() == [2.0, 3.0]
    assert measure_level(np.array([[1.0, NAN], [NAN, 5.0]])).ravel().tolist() == [1.0, 5.0]


@given(hnp.arrays(float, st.integers(1, 8), elements=st.floats(0, 50)), st.floats(-10, 10))
def test_softened_losses_are_weights_that_a_constant_does_not_change(losses, constant):
    weights = soften(losses, 0.01)
    assert weights.sum() == pytest.approx(1)
    assert weights[np.argmin(losses)] == weights.max()
    np.testing.assert_allclose(soften(losses + constant, 0.01), weights, atol=1e-6)


def test_part_losses_are_the_mean_losses_of_each_part():
    record = make_record(3)
    parts = compute_part_losses(stack_records([record], LINES))
    assert parts.losses.shape == (len(record.rows.parts), len(LINES))
    rows = record.rows.part == 2
    of_truth = record.predicted["robust"][rows, record.rows.target[rows].astype(int)]
    assert parts.losses[2, 1] == pytest.approx(-np.log(of_truth).mean(), rel=1e-5)


@pytest.mark.parametrize("task", Task)
def test_batch_by_batch_losses_are_to_the_bit_those_of_the_whole_past(task):
    first, second, newest = (make_record(batch, task) for batch in (1, 2, 3))
    second = replace(second, predicted={line: second.predicted[line] for line in LINES[1:]})  # one has no record of it
    # What was predicted in this update is not rounded yet, so that the whole past is float64.
    newest = replace(newest, predicted={line: one.astype(float) / 3 for line, one in newest.predicted.items()})
    records = [newest, first, second]
    past = stack_records(records, LINES)
    assert past.outputs.dtype == np.float64
    whole, by_batch = compute_part_losses(past), measure_parts(records, LINES)
    for name in ("batch", "part", "losses", "rows"):
        np.testing.assert_array_equal(getattr(by_batch, name), getattr(whole, name))
    assert np.isnan(by_batch.losses[by_batch.batch == 2, 0]).all()
