"""What is normal: ranges with slack, known levels and how often a cell is missing, from real training rows."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pointsman.model_zoo.reference import InputReference, LevelReference, NumericReference
from pointsman.model_zoo.reference_fitting import SLACK, fit_input_reference


def fit(**columns):
    return fit_input_reference(pd.DataFrame(columns))


def test_a_range_is_widened_by_half_its_width_and_a_few_wild_cells_do_not_stretch_it():
    ordinary = np.linspace(0, 10, 5_000)
    normal = fit(worth=np.append(ordinary, [1e9, -1e9])).numeric["worth"]
    assert normal.low == pytest.approx(-10 * SLACK, abs=0.05)
    assert normal.high == pytest.approx(10 + 10 * SLACK, abs=0.05)


@pytest.mark.parametrize(("constant", "room"), [(0.0, 1.0), (0.25, 1.0), (400.0, 400.0), (-400.0, 400.0)])
def test_a_constant_leaves_room_of_its_own_size(constant, room):
    normal = fit(worth=np.full(50, constant)).numeric["worth"]
    assert (normal.low, normal.high) == (constant - room, constant + room)
    assert normal.deviation == 1.0


def test_centre_spread_and_share_come_from_known_cells():
    normal = fit(worth=[1.0, 3.0, np.nan, np.nan]).numeric["worth"]
    assert (normal.mean, normal.deviation, normal.missing_share) == (2.0, 1.0, 0.5)


def test_a_column_that_was_never_filled_calls_no_number_impossible():
    normal = fit(worth=np.full(9, np.nan)).numeric["worth"]
    assert (normal.low, normal.high, normal.missing_share) == (-np.inf, np.inf, 1.0)
    assert (normal.mean, normal.deviation) == (0.0, 1.0)


def test_a_missing_level_is_no_level():
    normal = fit(make=pd.Series(["a", None, "b", "a"], dtype="str")).categorical["make"]
    assert normal.levels == {"a", "b"}
    assert normal.missing_share == 0.25


def test_columns_are_told_apart_by_their_type():
    normal = fit(count=[1, 2, 3], make=["1", "2", "3"], hidden=pd.Series([None, None, None], dtype="str"))
    assert list(normal.numeric) == ["count"]
    assert list(normal.categorical) == ["make", "hidden"]
    assert normal.categorical["hidden"].levels == frozenset()


@given(hnp.arrays(float, st.integers(1, 40), elements=st.floats(-1e6, 1e6)))
@settings(max_examples=60, deadline=None)
def test_the_range_holds_nearly_every_training_cell(known):
    normal = fit(worth=known).numeric["worth"]
    inside = (known >= normal.low) & (known <= normal.high)
    middle = np.sort(known)[1:-1]
    assert normal.low < normal.high
    assert inside.sum() >= len(middle)
    assert normal.deviation > 0


LEVELS = pd.Series(["ü", "a", None, 'b,"c"'], dtype="str")


def test_it_survives_json_with_odd_levels_and_empty_columns():
    normal = fit(worth=[0.1, 1e150, np.nan, -3.0], empty=[np.nan] * 4, make=LEVELS)
    assert InputReference.from_json(normal.to_json()) == normal


def test_how_often_a_level_is_new_comes_from_levels_that_occur_once():
    normal = fit(make=pd.Series(["a", "a", "b", None], dtype="str"), contract=["1", "2", "3", "4"]).categorical
    assert normal["make"].new_share == pytest.approx(1 / 3)
    assert normal["contract"].new_share == 1.0
    assert fit(make=pd.Series([None, None], dtype="str")).categorical["make"].new_share == 1.0


def test_a_reference_that_was_stored_before_new_levels_were_counted_loads():
    stored = (
        b'{"numeric": {"worth": {"low": 0.0, "high": 9.0, "mean": 4.0, "deviation": 2.0, "missing_share": 0.2}}, '
        b'"categorical": {"make": {"levels": ["a", "b"], "missing_share": 0.1}}}'
    )
    normal = InputReference.from_json(stored)
    assert normal.categorical["make"] == LevelReference(frozenset({"a", "b"}), 0.1, new_share=0.0)
    assert normal.numeric["worth"] == NumericReference(0.0, 9.0, 4.0, 2.0, 0.2)
    assert normal.new_shares.tolist() == [0.0, 0.0]
    assert normal.missing_shares.tolist() == [0.2, 0.1]
    assert InputReference.from_json(normal.to_json()) == normal


def test_the_order_of_rows_does_not_change_the_bytes():
    table = pd.DataFrame({"worth": [4.0, 1.0, 3.0, 2.0], "make": LEVELS})
    described = [json.loads(fit_input_reference(rows).to_json()) for rows in (table, table.iloc[::-1])]
    assert described[0] == described[1]
