"""Folds in time order never look ahead, keep their gap and reach the newest row; shuffled ones cover each row once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.pipeline.preparation.splits import foremost_folds, make_splits, shuffled_folds, time_ordered_folds

IN_ORDER = ("time_ordered", "foremost", "holdout")


def make_times(rows):
    """Return sorted times, several rows a day, whose index is not their position."""
    days = np.sort(np.random.default_rng(rows).integers(0, max(1, rows // 3), rows))
    return pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(days, "D"), index=np.arange(rows)[::-1] * 7)


@given(st.integers(0, 200), st.integers(1, 10), st.floats(0.1, 0.9), st.none() | st.integers(1, 60))
@settings(deadline=None)
def test_blocks_follow_each_other_are_of_equal_length_and_reach_the_newest_row(rows, folds, first_share, block):
    splits = time_ordered_folds(make_times(rows), folds, "0D", block, first_share)
    longest = (rows - round(rows * first_share)) // folds
    length = min(longest, block or longest)
    validated = np.concatenate([split.validate for split in splits] or [np.arange(0)])
    assert validated.tolist() == list(range(rows - length * len(splits), rows))
    assert len(splits) == (folds if length and rows > length * folds else len(splits))
    assert {len(split.validate) for split in splits} <= {length}
    for split in splits:
        assert split.learn.tolist() == list(range(split.validate[0]))


@given(st.integers(1, 150), st.integers(1, 5), st.sampled_from(["12h", "1D", "3.5D", "30D"]))
@settings(deadline=None)
def test_the_gap_takes_exactly_the_rows_that_are_too_young(rows, folds, gap):
    times = make_times(rows)
    for split in time_ordered_folds(times, folds, gap):
        age = times.iloc[split.validate[0]] - times.iloc[: split.validate[0]]
        assert split.learn.tolist() == np.flatnonzero(age > pd.Timedelta(gap)).tolist()
        assert len(split.learn)


def test_a_fold_is_left_out_where_the_gap_leaves_nothing_to_learn_from():
    times = pd.Series(pd.date_range("2020-01-01", periods=10, freq="D"))
    assert [len(split.learn) for split in time_ordered_folds(times, 3, "0D")] == [4, 6, 8]
    assert [len(split.learn) for split in time_ordered_folds(times, 3, "5D")] == [1, 3]
    assert time_ordered_folds(times, 3, "8D") == []


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_make_no_fold(rows):
    assert time_ordered_folds(make_times(rows), 3, "0D") == []


def test_rows_of_one_moment_are_split_without_a_gap_and_not_with_one():
    moment = pd.Series([pd.Timestamp("2020-01-01")] * 10)
    assert [split.validate.tolist() for split in time_ordered_folds(moment, 1, "0D")] == [[4, 5, 6, 7, 8, 9]]
    assert time_ordered_folds(moment, 1, "1s") == []


def test_newer_rows_do_not_move_what_an_older_row_is_learned_for():
    times = make_times(90)
    later = times.copy()
    later.iloc[80:] += pd.Timedelta(days=900)
    for before, after in zip(
        time_ordered_folds(times, 3, "2D")[:2], time_ordered_folds(later, 3, "2D")[:2], strict=True
    ):
        assert np.array_equal(before.learn, after.learn)
        assert np.array_equal(before.validate, after.validate)


@given(
    st.sampled_from(IN_ORDER),
    st.integers(0, 150),
    st.integers(1, 6),
    st.sampled_from(["0D", "12h", "3.5D", "30D"]),
    st.none() | st.integers(1, 40),
)
@settings(deadline=None)
def test_no_fold_in_time_order_learns_what_it_judges_or_anything_later_or_within_the_gap(
    validation, rows, folds, gap, block
):
    times = make_times(rows)
    splits = make_splits(validation, times, folds, gap, block, seed=1)
    assert len(splits) <= (1 if validation == "holdout" else folds)
    for split in splits:
        assert len(split.learn)
        assert split.learn.max() < split.validate.min()
        if gap != "0D":
            assert times.iloc[split.learn].max() < times.iloc[split.validate].min() - pd.Timedelta(gap)
    validated = np.concatenate([split.validate for split in splits] or [np.arange(0)])
    assert len(np.unique(validated)) == len(validated)
    assert not len(validated) or validated[-1] == rows - 1


@given(st.integers(0, 150), st.integers(1, 6))
@settings(deadline=None)
def test_foremost_folds_judge_every_row_but_those_of_the_first_block(rows, folds):
    splits = foremost_folds(make_times(rows), folds, "0D")
    length = rows // (folds + 1)
    assert len(splits) == (folds if length else 0)
    for position, split in enumerate(splits):
        assert split.validate.tolist() == list(
            range(rows - length * (folds - position), rows - length * (folds - position - 1))
        )
        assert split.learn.tolist() == list(range(split.validate[0]))


def test_a_holdout_is_the_newest_batch():
    times = make_times(100)
    (split,) = make_splits("holdout", times, 5, "0D", block=20)
    assert (split.learn.tolist(), split.validate.tolist()) == (list(range(80)), list(range(80, 100)))


@given(st.integers(0, 150), st.integers(2, 6), st.integers(0, 5))
def test_shuffled_folds_judge_each_row_once_and_learn_all_others(rows, folds, seed):
    splits = shuffled_folds(rows, folds, seed)
    for split in splits:
        assert sorted([*split.learn, *split.validate]) == list(range(rows))
        assert split.learn.tolist() == sorted(split.learn)
    if rows > 1:
        assert sorted(row for split in splits for row in split.validate) == list(range(rows))


def test_shuffled_folds_follow_their_seed_and_do_not_follow_time():
    folds = [
        [split.validate.tolist() for split in make_splits("kfold", make_times(60), 3, "1D", 20, seed)]
        for seed in (1, 1, 2)
    ]
    assert folds[0] == folds[1] != folds[2]
    assert max(folds[0][0]) > min(folds[0][2])
