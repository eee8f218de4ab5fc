"""Where batches end."""

import numpy as np
import pandas as pd
import pytest

from pointsman.common.config import BatchConfig
from pointsman.pipeline.collection.cuts import PERIODS, count_period, count_rows


def times(*texts):
    return np.array(texts, dtype="datetime64[us]")


def test_every_configured_period_can_be_cut():
    from typing import get_args

    stated = get_args(get_args(BatchConfig.model_fields["period"].annotation)[0])
    assert set(stated) == set(PERIODS)


@pytest.mark.parametrize(
    ("period", "inside", "outside"),
    [
        ("day", "2013-08-07T23:59:59", "2013-08-08"),
        ("week", "2013-08-11T23:00:00", "2013-08-12"),
        ("month", "2013-08-31T23:00:00", "2013-09-01"),
        ("quarter", "2013-09-30T23:00:00", "2013-10-01"),
        ("year", "2013-12-31T23:00:00", "2014-01-01"),
    ],
)
def test_a_period_ends_where_the_calendar_says(period, inside, outside):
    assert count_period(times("2013-08-07", inside, outside), None, period) == 2


def test_empty_periods_are_skipped():
    assert count_period(times("2013-01-05", "2015-06-01"), pd.Timestamp("2012-12-31"), "month") == 1


def test_late_rows_come_with_the_earliest_period_that_is_not_late():
    order = times("2013-01-05", "2013-02-01", "2013-05-03", "2013-05-09", "2013-06-01")
    assert count_period(order, pd.Timestamp("2013-03-31"), "month") == 4


def test_late_rows_of_the_newest_period_come_with_its_rest():
    order = times("2013-05-03", "2013-05-20", "2013-06-01")
    assert count_period(order, pd.Timestamp("2013-05-15"), "month") == 2


def test_late_rows_alone_are_a_batch():
    assert count_period(times("2013-01-05", "2013-02-01"), pd.Timestamp("2013-03-31"), "month") == 2


def test_a_row_as_old_as_the_newest_is_not_late():
    assert count_period(times("2013-03-31", "2013-04-01"), pd.Timestamp("2013-03-31"), "month") == 1


def test_a_period_with_too_few_rows_goes_with_the_next():
    order = times("2013-01-05", "2013-02-01", "2013-02-02", "2013-04-01")
    assert count_period(order, None, "month", min_rows=2) == 3


@pytest.mark.parametrize(
    ("waiting", "rows", "min_rows", "expected"),
    [
        (50, 20, 5, 20),
        (20, 20, 5, 20),
        (7, 20, 5, 7),
        (5, 20, 5, 5),
        (4, 20, 5, 0),
        (0, 20, 5, 0),
        (9, 3, 5, 3),  # batches smaller than min_rows were asked for
        (2, 3, 5, 0),
    ],
)
def test_only_the_last_rows_can_be_too_few(waiting, rows, min_rows, expected):
    order = times(*["2013-01-01"] * waiting)
    assert count_rows(order, None, BatchConfig(rows=rows, min_rows=min_rows)) == expected


def test_the_last_period_waits_for_min_rows():
    order = times("2013-01-05", "2013-02-01")
    assert count_rows(order, None, BatchConfig(period="month", min_rows=3)) == 0
    assert count_rows(order, None, BatchConfig(period="month", min_rows=2)) == 2
    assert count_rows(order[:0], None, BatchConfig(period="month", min_rows=1)) == 0


def test_without_rows_and_period_everything_is_one_batch():
    order = times(*["2013-01-01"] * 30)
    assert count_rows(order, None, BatchConfig(min_rows=20)) == 30
    assert count_rows(order[:19], None, BatchConfig(min_rows=20)) == 0
