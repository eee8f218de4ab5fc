"""The guard hides what cannot be and leaves drift, types, order and foreign columns alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.guard import guard
from pointsman.model_zoo.reference_fitting import fit_input_reference

ROWS = 120
GENERATOR = np.random.default_rng(2)
TABLE = pd.DataFrame(
    {
        "worth": GENERATOR.uniform(10, 20, ROWS),
        "age": GENERATOR.uniform(0, 1, ROWS),
        "make": pd.Series(GENERATOR.choice(["a", "b"], ROWS), dtype="str"),
    }
)
NORMAL = fit_input_reference(TABLE)


def test_only_impossible_cells_are_emptied_and_types_stay():
    damaged = TABLE.copy()
    damaged.loc[:9, "worth"] = [1e9, -999.0, np.inf, -np.inf, 0.0, 4.0, 26.0, 1e300, -1e-300, 99_999.0]
    damaged.loc[5:7, "make"] = "B"
    guarded = guard(damaged, NORMAL)
    assert guarded["worth"].isna().to_numpy().nonzero()[0].tolist() == list(range(10))
    assert guarded["make"].isna().to_numpy().nonzero()[0].tolist() == [5, 6, 7]
    assert guarded.dtypes.equals(damaged.dtypes)
    pd.testing.assert_frame_equal(guarded.fillna(damaged), damaged)


def test_a_drifting_column_is_left_while_errors_elsewhere_are_hidden():
    moved = TABLE.assign(worth=TABLE["worth"] + 20, make=pd.Series("new", index=TABLE.index, dtype="str"))
    moved.loc[3, "age"] = 50.0
    guarded = guard(moved, NORMAL)
    pd.testing.assert_frame_equal(guarded[["worth", "make"]], moved[["worth", "make"]])
    assert guarded["age"].isna().sum() == 1


@pytest.mark.parametrize("worth", [TABLE["worth"] * 100, 1e9, -999.0])
def test_a_damaged_column_is_hidden_as_a_whole(worth):
    guarded = guard(TABLE.assign(worth=worth), NORMAL)
    assert guarded["worth"].isna().all()
    pd.testing.assert_frame_equal(guarded[["age", "make"]], TABLE[["age", "make"]])


def test_columns_may_be_absent_foreign_or_in_another_order():
    asked = TABLE[["make", "worth"]].assign(stranger="anything")
    asked.loc[0, "worth"] = 1e9
    guarded = guard(asked, NORMAL)
    assert list(guarded) == ["make", "worth", "stranger"]
    assert np.isnan(guarded.loc[0, "worth"])
    assert (guarded["stranger"] == "anything").all()


def test_rows_keep_their_index():
    asked = TABLE.iloc[[7, 3]].assign(worth=[1e9, 15.0])
    assert guard(asked, NORMAL).index.tolist() == [7, 3]
    assert guard(asked, NORMAL)["worth"].isna().tolist() == [True, False]


@pytest.mark.parametrize("rows", [TABLE.head(0), TABLE[[]]])
def test_nothing_to_look_at_is_returned_as_it_is(rows):
    assert guard(rows, NORMAL) is rows


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.sampled_from(["a", "b", "c", ""])), min_size=1, max_size=29))
@settings(max_examples=40, deadline=None)
def test_past_the_guard_nothing_is_impossible(cells):
    worth, make = zip(*cells, strict=True)
    asked = pd.DataFrame({"worth": worth, "age": 0.5, "make": pd.Series(make, dtype="str")})
    guarded = guard(asked, NORMAL)
    assert not flag_cells(guarded, NORMAL).anomalous.any()
    assert guard(guarded, NORMAL) is guarded
