"""Flags of cells at their limits: drift, expected gaps, absent columns and rows taken apart."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_zoo.cell_flags import DRIFTING_SHARE, MIN_DRIFT_ROWS, OFTEN_MISSING, flag_cells
from model_zoo.cells import Cells
from model_zoo.reference import InputReference, LevelReference, NumericReference

ROWS = 100
NORMAL = InputReference(
    numeric={
        "worth": NumericReference(0.0, 10.0, 5.0, 2.0, 0.0),
        "age": NumericReference(0.0, 1.0, 0.5, 0.2, OFTEN_MISSING),
        "rare": NumericReference(0.0, 1.0, 0.5, 0.2, OFTEN_MISSING + 0.01),
    },
    categorical={
        "make": LevelReference(frozenset({"a", "b"}), 0.0),
        "note": LevelReference(frozenset({"x"}), 0.9),
    },
)
NAMES = ("worth", "age", "rare", "make", "note")


def make_rows(rows=ROWS, **columns):
    ordinary = {"worth": 5.0, "age": 0.5, "rare": 0.5, "make": "a", "note": "x"}
    table = pd.DataFrame({name: [cell] * rows for name, cell in ordinary.items()}).assign(**columns)
    return table.astype({"make": "str", "note": "str"})


def find_flagged(cells):
    return {NAMES[position] for position in np.flatnonzero(cells.any(axis=0))}


def test_ordinary_rows_have_no_flag():
    flags = flag_cells(make_rows(), NORMAL)
    assert flags.names == NAMES
    assert flags.missing.shape == flags.out_of_range.shape == flags.unseen.shape == (ROWS, len(NAMES))
    assert not (flags.missing | flags.anomalous).any()


def test_the_ends_of_a_range_belong_to_it():
    worth = np.where(np.arange(ROWS) < 50, 0.0, 10.0)
    assert not flag_cells(make_rows(worth=worth), NORMAL).out_of_range.any()
    worth[:2] = np.nextafter(0.0, -1), np.nextafter(10.0, 11)
    assert flag_cells(make_rows(worth=worth), NORMAL).out_of_range.sum() == 2


def test_a_gap_counts_only_where_gaps_are_rare():
    empty = make_rows().assign(**dict.fromkeys(NAMES, np.nan))
    assert find_flagged(flag_cells(empty, NORMAL).missing) == {"worth", "age", "make"}
    assert find_flagged(flag_cells(make_rows()[[]], NORMAL).missing) == {"worth", "age", "make"}


def test_columns_that_nobody_knows_are_not_looked_at():
    flags = flag_cells(make_rows(stranger=1e9), NORMAL)
    assert flags.names == NAMES
    assert not flags.anomalous.any()


@pytest.mark.parametrize(("out", "drifting"), [(60, False), (61, True), (100, True)])
def test_a_column_drifts_above_the_limit_and_not_at_it(out, drifting):
    worth = np.where(np.arange(ROWS) < out, 99.0, 5.0)
    flags = flag_cells(make_rows(worth=worth), NORMAL)
    assert DRIFTING_SHARE == 0.6
    assert flags.drifting == (("worth",) if drifting else ())
    assert flags.out_of_range.sum() == (0 if drifting else out)


def test_only_known_cells_decide_about_drift():
    worth = np.full(ROWS, np.nan)
    worth[:MIN_DRIFT_ROWS] = 99.0
    assert flag_cells(make_rows(worth=worth), NORMAL).drifting == ("worth",)
    worth[0] = np.nan
    few = flag_cells(make_rows(worth=worth), NORMAL)
    assert few.drifting == ()
    assert few.out_of_range.sum() == MIN_DRIFT_ROWS - 1


def test_levels_never_count_as_drift():
    flags = flag_cells(make_rows(make="unheard of"), NORMAL)
    assert flags.drifting == ()
    assert flags.unseen[:, NAMES.index("make")].all()
    assert not flags.missing.any()


def test_no_row_and_no_column_are_no_error():
    assert flag_cells(make_rows(0), NORMAL).missing.shape == (0, len(NAMES))
    bare = flag_cells(make_rows(), InputReference({}, {}))
    assert bare.names == ()
    assert bare.anomalous.shape == (ROWS, 0)


def test_numbers_come_in_the_order_of_the_reference_and_integers_will_do():
    table = make_rows(worth=np.arange(ROWS))[["rare", "worth", "make"]]
    numbers = Cells.of(table).read_numbers(NORMAL.numeric_names)
    assert numbers.dtype == float
    np.testing.assert_array_equal(numbers[:, 0], np.arange(ROWS))
    assert np.isnan(numbers[:, 1]).all()


@given(st.lists(st.sampled_from([5.0, 99.0, np.nan]), min_size=1, max_size=MIN_DRIFT_ROWS - 1), st.data())
@settings(max_examples=50, deadline=None)
def test_few_rows_are_judged_one_by_one(worth, drawn):
    table = make_rows(len(worth), worth=worth)
    flags = flag_cells(table, NORMAL)
    np.testing.assert_array_equal(flags.out_of_range[:, 0], np.array(worth) == 99.0)
    np.testing.assert_array_equal(flags.missing[:, 0], np.isnan(worth))
    assert not (flags.anomalous & flags.missing).any()
    rows = np.array(drawn.draw(st.lists(st.integers(0, len(worth) - 1), max_size=5)), dtype=int)
    alone = flag_cells(table.iloc[rows], NORMAL)
    np.testing.assert_array_equal(flags.take(rows).missing, alone.missing)
    np.testing.assert_array_equal(flags.take(rows).anomalous, alone.anomalous)
