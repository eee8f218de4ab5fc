"""Sketches of a batch against the batch itself: what is counted later is what was there."""

import json
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from claims_batch import SCHEMA, make_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.errors import DataError
from pointsman.common.reading import read_inputs
from pointsman.pipeline.drift.bins import fit_level_bins, fit_numeric_bins
from pointsman.pipeline.drift.sketch import MOST_LEVELS, MOST_NUMBERS, PROTOCOL, Sketch, count_in_bins, sketch_inputs

NUMBERS = replace(SCHEMA, numeric=("premium",), categorical=(), dates=())
LEVELS = replace(SCHEMA, numeric=(), categorical=("make",), dates=())


def as_numbers(numbers):
    return pd.DataFrame({"premium": pd.Series(numbers, dtype="float64")})


def as_levels(levels):
    return pd.DataFrame({"make": pd.Series(levels, dtype="str")})


def count_numbers(numbers, bins):
    sketch = sketch_inputs(as_numbers(numbers), NUMBERS)
    return count_in_bins(sketch.columns["premium"], bins, sketch.rows)


def count_levels(levels, bins):
    sketch = sketch_inputs(as_levels(levels), LEVELS)
    return count_in_bins(sketch.columns["make"], bins, sketch.rows)


cells = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, 5e-324, 1e300, -1e300]), st.floats(-5, 5))


@settings(max_examples=60, deadline=None)
@given(st.lists(cells, max_size=60), st.lists(cells, max_size=60))
def test_few_numbers_are_counted_exactly_in_bins_of_any_other_rows(before, after):
    bins = fit_numeric_bins(as_numbers(before)["premium"])
    counts = count_numbers(after, bins)
    assert counts.tolist() == bins.count(as_numbers(after)["premium"]).tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh")), max_size=60),
    st.lists(st.one_of(st.none(), st.sampled_from("fghijkl")), max_size=60),
)
def test_few_levels_are_counted_exactly_in_bins_of_any_other_rows(before, after):
    bins = fit_level_bins(as_levels(before)["make"])
    assert count_levels(after, bins).tolist() == bins.count(as_levels(after)["make"]).tolist()


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(MOST_NUMBERS + 1, 8_000), missing=st.floats(0, 0.9), seed=st.integers(0, 99))
def test_many_numbers_are_counted_to_a_tenth_of_a_percent_and_never_below_nothing(rows, missing, seed):
    random = np.random.default_rng(seed)
    numbers = np.where(random.random(rows) < 0.3, 0.0, random.gamma(0.5, 1e4, rows))
    numbers[random.random(rows) < missing] = np.nan
    bins = fit_numeric_bins(pd.Series(random.gamma(0.6, 1e4, 500)))
    exact = bins.count(pd.Series(numbers))
    counts = count_numbers(numbers, bins)
    assert counts.min() >= 0
    assert np.abs(counts - exact).max() <= 0.001 * rows + 1e-9
    assert counts[-1] == np.isnan(numbers).sum()
    assert counts.sum() == pytest.approx(rows)


def test_the_order_of_the_rows_does_not_matter():
    inputs = read_inputs(make_frame(3_000, 1), SCHEMA)
    inputs.loc[::7, "premium"] = np.nan
    shuffled = inputs.sample(frac=1, random_state=2)
    assert sketch_inputs(shuffled, SCHEMA).to_bytes() == sketch_inputs(inputs, SCHEMA).to_bytes()


def test_a_column_that_is_all_missing_is_all_in_the_last_bin():
    bins = fit_numeric_bins(pd.Series([1.0, 2.0, 3.0]))
    assert count_numbers([np.nan] * 5, bins).tolist() == [0] * (len(bins.labels) - 1) + [5]
    empty = fit_numeric_bins(pd.Series([np.nan] * 4))
    assert count_numbers([np.nan] * 5, empty).tolist() == [0, 5]
    assert count_numbers([7.0] * 5, empty).tolist() == [5, 0]
    levels = fit_level_bins(as_levels(["a"] * 9)["make"])
    assert count_levels([None] * 5, levels).tolist() == [0, 0, 0, 5]


def test_of_ten_thousand_levels_the_frequent_ones_keep_their_names_and_the_others_their_number():
    random = np.random.default_rng(0)
    levels = [f"level {number}" for number in [*range(10_000), *random.zipf(1.3, 20_000) % 10_000]]
    inputs = as_levels(levels)
    sketch = sketch_inputs(inputs, LEVELS)
    column = sketch.columns["make"]
    assert len(column.levels) == MOST_LEVELS
    assert sum(column.levels.values()) + column.others == sketch.rows == 30_000
    bins = fit_level_bins(inputs["make"])
    n_frequent = len(bins.frequent)
    exact = bins.count(inputs["make"])
    counts = count_in_bins(column, bins, sketch.rows)
    assert n_frequent > 3
    assert counts[:n_frequent].tolist() == exact[:n_frequent].tolist()
    assert counts.sum() == 30_000
    assert len(sketch.to_bytes()) < 20_000


def test_bytes_come_back_as_the_sketch_they_were():
    inputs = read_inputs(make_frame(40, 3), SCHEMA)
    inputs.loc[:3, "make"] = ["nan", "é ☃", '"quoted"', " "]
    inputs["seats"] = np.nan
    sketch = sketch_inputs(inputs, SCHEMA)
    assert Sketch.from_bytes(sketch.to_bytes()) == sketch
    assert set(sketch.columns) == {"premium", "seats", "make", "end"}
    nothing = sketch_inputs(inputs.head(0), SCHEMA)
    assert Sketch.from_bytes(nothing.to_bytes()) == nothing


def test_a_protocol_of_another_release_is_refused():
    described = json.loads(zlib.decompress(sketch_inputs(as_numbers([1.0]), NUMBERS).to_bytes()))
    later = zlib.compress(json.dumps({**described, "protocol": PROTOCOL + 1}).encode())
    with pytest.raises(DataError, match=f"protocol {PROTOCOL + 1} and this release reads {PROTOCOL}"):
        Sketch.from_bytes(later)


def test_numbers_are_not_counted_in_bins_of_levels():
    with pytest.raises(DataError, match="changed its type"):
        count_numbers([1.0], fit_level_bins(as_levels(["a"])["make"]))
