"""Cleaning voids what breaks a rule, and nothing else."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pointsman.common.config import QualityConfig
from pointsman.common.reading import read_inputs
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.pipeline.preparation.cleaning import clean_inputs

SCHEMA = Schema(
    time="day",
    target="y",
    task=Task.BINARY,
    numeric=("seats", "sex"),
    categorical=("make",),
    dates=("day",),
    missing_values=("",),
)
RAW = pd.DataFrame(
    {
        "seats": ["4", "199", "", "0"],
        "sex": ["0", "1", "7", ""],
        "make": ["9", "TOYTA", "", "ISUZU"],
        "day": "2020-01-01",
    }
)
QUALITY = QualityConfig.model_validate(
    {
        "ranges": [{"column": "seats", "min": 0, "max": 60}],
        "allowed": [{"column": "sex", "allowed": [0, "1"]}, {"column": "make", "allowed": [9.0, "ISUZU"]}],
    }
)


def test_cells_that_break_a_rule_become_missing():
    inputs = read_inputs(RAW, SCHEMA)
    untouched = inputs.copy()
    cleaned = clean_inputs(inputs, QUALITY, SCHEMA)
    assert cleaned["seats"].fillna(-1).tolist() == [4, -1, -1, 0]
    assert cleaned["sex"].fillna(-1).tolist() == [0, 1, -1, -1]
    assert cleaned["make"].fillna("?").tolist() == ["9", "?", "?", "ISUZU"]
    pd.testing.assert_frame_equal(inputs, untouched)
    assert cleaned.dtypes.equals(inputs.dtypes)


def test_two_rules_on_one_column_both_hold():
    quality = QualityConfig.model_validate({"ranges": [{"column": "seats", "min": 1}, {"column": "seats", "max": 60}]})
    assert clean_inputs(read_inputs(RAW, SCHEMA), quality, SCHEMA)["seats"].fillna(-1).tolist() == [4, -1, -1, -1]


def test_rows_keep_their_index_and_a_row_alone_is_cleaned_as_among_others():
    inputs = read_inputs(RAW.set_index(pd.Index([7, 3, 9, 1])), SCHEMA)
    together = clean_inputs(inputs, QUALITY, SCHEMA)
    alone = pd.concat([clean_inputs(inputs.loc[[row]], QUALITY, SCHEMA) for row in inputs.index])
    pd.testing.assert_frame_equal(together, alone)


@given(st.lists(st.none() | st.floats(-100, 100), max_size=20))
def test_cleaning_twice_changes_no_more_and_what_is_left_keeps_the_rules(seats):
    raw = pd.DataFrame({"seats": pd.Series(seats, dtype="float64"), "sex": 1.0, "make": "9"})
    cleaned = clean_inputs(read_inputs(raw, SCHEMA), QUALITY, SCHEMA)
    pd.testing.assert_frame_equal(clean_inputs(cleaned, QUALITY, SCHEMA), cleaned)
    assert cleaned["seats"].dropna().between(0, 60).all()
    assert cleaned["seats"].notna().sum() == sum(cell is not None and 0 <= cell <= 60 for cell in seats)
