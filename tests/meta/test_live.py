"""Served rows are evidence beside the batch they came with: as much as their rows, and by whoever predicted them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.config import SelectionConfig
from pointsman.meta.decayed import compute_decayed_records, compute_part_losses
from pointsman.meta.ensembles import fit_ensembles
from pointsman.meta.live import LivePart, attach_live, take_rows
from pointsman.meta.past import stack_records
from pointsman.meta.records import FIRST_LIVE, OutOfSamplePredictions
from pointsman.meta.selector_fitting import fit_selector
from tests.meta.made_records import CLEAN_ROWS, LINES, make_record, make_records

LIVE_SKILL = {"good": (0.2, 1.0), "robust": (3.0, 1.6), "poor": (0.2, 0.2)}
"""On served rows another line is the best than on batches."""


def make_part(batch, served_by, rows=None, lines=LINES, skill=None):
    """Rows that a generation served, their labels settled with a batch."""
    made = make_record(batch, lines=lines, seed=100 + served_by, skill=skill)
    clean = take_rows(made, np.flatnonzero(made.rows.clean)[:rows])
    ids = np.arange(len(clean.rows), dtype=np.uint64)
    return LivePart(
        served_by, replace(clean, rows=replace(clean.rows, profiles=clean.rows.profiles[:1])), ids, ids, ids
    )


def with_live(records, *parts):
    *earlier, newest = records
    return [*earlier, attach_live(newest, parts)]


def test_served_rows_stand_before_their_batch_each_generation_a_part():
    records = with_live(make_records(3), make_part(3, 7, 40), make_part(3, 5, 30), make_part(3, 6, 0))
    past = stack_records(records, LINES)
    newest = past.take(past.batch == 3)
    assert newest.part[:70].tolist() == [FIRST_LIVE] * 30 + [FIRST_LIVE + 1] * 40
    assert newest.clean[: 70 + CLEAN_ROWS].all()
    assert len(past) == len(stack_records(make_records(3), LINES)) + 70
    assert past.scale == stack_records(make_records(3), LINES).scale


def test_a_line_that_did_not_predict_served_rows_is_unknown_there_alone():
    part = make_part(3, 7, 40, lines=("good",))
    past = stack_records(with_live(make_records(3), part), LINES)
    live = past.part >= FIRST_LIVE
    assert past.known[live].tolist() == [[True, False, False]] * 40
    assert past.known[~live].all()
    strangers = make_part(3, 7, 40, lines=("good",))
    strangers = replace(
        strangers, record=OutOfSamplePredictions(strangers.record.rows, {"gone": strangers.record.predicted["good"]})
    )
    assert not (stack_records(with_live(make_records(3), strangers), LINES).part >= FIRST_LIVE).any()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, CLEAN_ROWS), st.integers(0, 2))
def test_served_rows_count_by_their_number(rows, place):
    records = make_records(3)
    live = with_live(records, make_part(3, 7, rows, skill=LIVE_SKILL))
    parts = compute_part_losses(stack_records(live, LINES))
    only = parts.batch == 3
    newest = replace(
        parts, batch=parts.batch[only], part=parts.part[only], losses=parts.losses[only], rows=parts.rows[only]
    )
    apart = compute_decayed_records(newest, True, 4.0)
    clean = newest.clean
    expected = np.average(newest.losses[clean], axis=0, weights=newest.rows[clean])
    assert apart[place] - apart[0] == pytest.approx(expected[place] - expected[0])
    damaged = compute_decayed_records(compute_part_losses(stack_records(records, LINES)), False, 4.0)
    np.testing.assert_allclose(compute_decayed_records(parts, False, 4.0), damaged)


def test_the_selector_learns_from_served_rows_and_stays_what_it_was_without():
    records = make_records(4)
    live = with_live(records, make_part(4, 9, skill=LIVE_SKILL), make_part(4, 10, skill=LIVE_SKILL))
    plain, taught = (fit_selector(known, LINES, {}, None, SelectionConfig(), 7) for known in (records, live))
    assert plain.champions.clean == "good"
    assert taught.ranking.index("robust") <= plain.ranking.index("robust")
    assert taught.usual == plain.usual
    past = [fit_ensembles(stack_records(known, LINES), (), 4.0, 0.01, 5, 7) for known in (records, live)]
    weights = [one["recent"][0][LINES.index("robust")] for one in past]
    assert weights[1] > weights[0]


def test_the_chooser_learns_from_batches_alone():
    """Served rows have no damaged copies, and their profile is that of many requests; an ensemble answers them, too."""
    records = make_records(5)
    part = make_part(5, 9, skill=LIVE_SKILL)
    plain, taught = (
        fit_selector(known, LINES, {}, None, SelectionConfig(), 7) for known in (records, with_live(records, part))
    )
    assert taught.chooser.forest.dump() == plain.chooser.forest.dump()


def test_a_record_keeps_its_served_rows_and_can_leave_them():
    (record,) = with_live([make_record(1)], make_part(1, 3, 20))
    more = record.with_lines({"new": record.predicted["good"]})
    assert len(more.live) == 1
    assert more.without_live().live == ()
