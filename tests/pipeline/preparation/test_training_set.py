"""Rows keep their order, their batch and their seasons; a part of a season counts once it was seen twice."""

import numpy as np
import pandas as pd
import pytest

from pointsman.pipeline.preparation.training_set import COVERED, TrainingRows, join_rows

MONTH, HOUR = 365.0, 1.0
SEASONS = {"month": MONTH, "hour": HOUR}


def make_rows(days, step="h", hour=None):
    times = pd.Series(pd.date_range("2020-01-01", pd.Timestamp("2020-01-01") + pd.Timedelta(days=days), freq=step))
    features = pd.DataFrame(
        {
            "worth": np.arange(len(times), dtype=float),
            "month": times.dt.month.astype(float),
            "hour": times.dt.hour.astype(float) if hour is None else np.full(len(times), float(hour)),
        }
    )
    return TrainingRows(features, np.zeros(len(times)), times, np.ones(len(times), dtype=int), SEASONS)


@pytest.mark.parametrize(
    ("days", "known"),
    [(1, set()), (1.9, set()), (2, {"hour"}), (300, {"hour"}), (729, {"hour"}), (COVERED * MONTH, {"hour", "month"})],
)
def test_a_part_of_a_season_is_learned_once_history_covers_it_twice(days, known):
    assert set(make_rows(days).covered) == {"worth"} | known


def test_what_is_the_same_in_every_row_is_never_learned():
    assert list(make_rows(COVERED * MONTH, "D").covered) == ["worth", "month"]
    assert list(make_rows(COVERED * MONTH, hour=12).covered) == ["worth", "month"]


def test_features_without_a_season_are_kept_however_short_history_is():
    rows = make_rows(0.1)
    assert list(rows.covered) == ["worth"]
    assert list(rows.features) == ["worth", "month", "hour"]


def make_batch(number, rows):
    values = number * 100 + np.arange(rows, dtype=float)
    times = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(values, unit="h"))
    return number, pd.DataFrame({"worth": values, "make": pd.Series(["a"] * rows, dtype="str")}), values * 2, times


def join(max_rows=100):
    return join_rows([make_batch(number, 4) for number in (3, 5, 8)], max_rows, SEASONS)


@pytest.mark.parametrize(
    "shorten", [lambda rows: rows.last(2), lambda rows: rows.newest(8), lambda rows: rows.take(np.arange(4, 12))]
)
def test_part_of_the_rows_keeps_columns_together_and_the_seasons(shorten):
    rows = shorten(join())
    assert rows.batches.tolist() == [5] * 4 + [8] * 4
    assert rows.target.tolist() == (rows.features["worth"] * 2).tolist()
    assert rows.features["worth"].tolist() == [*range(500, 504), *range(800, 804)]
    assert (rows.times - pd.Timestamp("2020-01-01")).dt.total_seconds().tolist() == [
        3600 * worth for worth in rows.features["worth"]
    ]
    assert rows.features.index.tolist() == rows.times.index.tolist() == list(range(8))
    assert rows.seasons == SEASONS
    assert (rows.first_batch, rows.last_batch, len(rows)) == (5, 8, 8)


def test_a_mask_takes_the_same_rows_as_positions():
    rows = join()
    pd.testing.assert_frame_equal(rows.take(rows.batches == 5).features, rows.take(np.arange(4, 8)).features)


def test_windows_count_batches_that_are_there_and_none_means_all():
    rows = join()
    assert rows.last(None) is rows
    assert np.unique(rows.last(1).batches).tolist() == [8]
    assert len(rows.last(10)) == len(rows.newest(99)) == 12


@pytest.mark.parametrize(
    ("max_rows", "batches"), [(12, [3] * 4 + [5] * 4 + [8] * 4), (6, [5] * 2 + [8] * 4), (3, [8] * 3)]
)
def test_joining_keeps_the_newest_rows(max_rows, batches):
    rows = join(max_rows)
    assert rows.batches.tolist() == batches
    assert rows.features["worth"].tolist() == [*range(300, 304), *range(500, 504), *range(800, 804)][-max_rows:]


def test_a_level_column_stays_text_where_one_batch_held_none():
    empty = make_batch(2, 4)[1].assign(make=pd.Series([None] * 4, dtype="object"))
    rows = join_rows([(2, empty, *make_batch(2, 4)[2:]), make_batch(3, 4)], 100)
    assert isinstance(rows.features["make"].dtype, pd.StringDtype)
    assert rows.features["make"].isna().tolist() == [True] * 4 + [False] * 4
