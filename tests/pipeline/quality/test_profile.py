"""The profile of a batch: against hand counts, and storable whatever comes."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from claims_batch import SCHEMA
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.pipeline.quality.profile import (
    QUANTILE_LEVELS,
    TOP_LEVELS,
    compute_profile,
    profile_levels,
    profile_numbers,
)


def make_inputs(**columns):
    rows = max(map(len, columns.values()))
    filled = {
        "premium": [np.nan] * rows,
        "seats": [np.nan] * rows,
        "make": [None] * rows,
        "begin": [None] * rows,
        "end": [None] * rows,
    }
    types = {
        "premium": "float64",
        "seats": "float64",
        "make": "str",
        "begin": "datetime64[us]",
        "end": "datetime64[us]",
    }
    return pd.DataFrame(filled | columns).astype(types)


def test_the_numbers_of_a_column_are_those_counted_by_hand():
    profile = profile_numbers("premium", "numeric", pd.Series([0.0, 4.0, np.nan, 8.0]))
    assert profile.missing_share == 0.25
    assert profile.distinct == 3
    assert profile.mean == 4
    assert profile.deviation == pytest.approx(np.std([0, 4, 8]))
    assert profile.zero_share == pytest.approx(1 / 3)
    assert len(profile.quantiles) == len(QUANTILE_LEVELS)
    assert (profile.quantiles[0], profile.quantiles[5], profile.quantiles[-1]) == (0, 4, 8)


def test_many_levels_are_cut_to_the_most_frequent_and_a_rest():
    cells = pd.Series([f"L{number:02}" for number in range(30)] + ["L29", None], dtype="str")
    profile = profile_levels("make", cells)
    assert profile.distinct == 30
    assert profile.top[:2] == (("L29", 2 / 31), ("L00", 1 / 31))
    assert len(profile.top) == TOP_LEVELS
    assert sum(share for _, share in profile.top) + profile.rest_share == pytest.approx(1)


def test_dates_are_days_since_1970_and_every_input_has_a_profile():
    profile = compute_profile(make_inputs(end=["1970-01-03", "1970-01-05", None]), SCHEMA)
    by_column = {column.column: column for column in profile}
    assert list(by_column) == list(SCHEMA.inputs)
    assert by_column["end"].role == "date"
    assert by_column["end"].mean == 3
    assert by_column["make"].missing_share == 1
    assert by_column["make"].top == ()


finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | finite, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_no_number_is_nan_or_infinite_and_row_order_does_not_matter(cells, random):
    inputs = make_inputs(premium=cells)
    profile = compute_profile(inputs, SCHEMA)
    json.dumps([asdict(column) for column in profile], allow_nan=False)
    order = list(range(len(inputs)))
    random.shuffle(order)
    assert compute_profile(inputs.iloc[order], SCHEMA) == profile
    known = [cell for cell in cells if cell is not None]
    assert set(profile[0].quantiles) <= set(known)
    assert profile[0].distinct == len(set(known))
