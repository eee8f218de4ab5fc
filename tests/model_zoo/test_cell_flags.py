"""Flags of cells at their limits: usual gaps and levels, absent columns, rows taken apart and whole columns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.model_zoo.cell_flags import find_anomalous, flag_cells
from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.column_verdicts import MIN_DRIFT_ROWS, judge_columns
from pointsman.model_zoo.reference import InputReference, LevelReference, NumericReference

ROWS = 100
NORMAL = InputReference(
    numeric={
        "worth": NumericReference(0.0, 10.0, 5.0, 2.0, 0.0),
        "age": NumericReference(0.0, 1.0, 0.5, 0.2, 0.01),
        "rare": NumericReference(0.0, 1.0, 0.5, 0.2, 0.22),
    },
    categorical={
        "make": LevelReference(frozenset({"a", "b"}), 0.0),
        "note": LevelReference(frozenset({"x"}), 0.9),
        "contract": LevelReference(frozenset({"c1", "c2"}), 0.0, new_share=1.0),
    },
)
NAMES = ("worth", "age", "rare", "make", "note", "contract")


def make_rows(rows=ROWS, **columns):
    ordinary = {"worth": 5.0, "age": 0.5, "rare": 0.5, "make": "a", "note": "x", "contract": "c1"}
    table = pd.DataFrame({name: [cell] * rows for name, cell in ordinary.items()}).assign(**columns)
    return table.astype({"make": "str", "note": "str", "contract": "str"})


def find_flagged(cells):
    return {NAMES[position] for position in np.flatnonzero(cells.any(axis=0))}


def empty(share, rows=ROWS):
    """Numbers of which a share is missing, evenly spread."""
    return np.where((np.arange(rows) * share) % 1 + share >= 1, np.nan, 0.5)


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


class TestGaps:
    @pytest.mark.parametrize("rows", [1, 5, 100, 5_000])
    @pytest.mark.parametrize("share", [0.2, 0.22, 0.24])
    def test_a_column_missing_as_often_as_usual_is_not_flagged(self, rows, share):
        assert not flag_cells(make_rows(rows, rare=empty(share, rows)), NORMAL).missing.any()

    @pytest.mark.parametrize(("rows", "share"), [(100, 0.7), (1_000, 0.55), (10_000, 0.5), (30, 1.0)])
    def test_a_column_missing_far_more_often_is_flagged_where_it_is_missing(self, rows, share):
        rare = empty(share, rows)
        flags = flag_cells(make_rows(rows, rare=rare), NORMAL)
        np.testing.assert_array_equal(flags.missing[:, NAMES.index("rare")], np.isnan(rare))
        assert find_flagged(flags.missing) == {"rare"}

    def test_a_single_row_is_judged_by_how_usual_a_gap_is(self):
        row = make_rows(1).assign(**dict.fromkeys(NAMES, np.nan))
        assert find_flagged(flag_cells(row, NORMAL).missing) == {"worth", "age", "make", "contract"}

    def test_one_gap_among_many_rows_is_usual_where_one_in_a_hundred_is(self):
        age, worth = np.full(ROWS, 0.5), np.full(ROWS, 5.0)
        age[3] = worth[3] = np.nan
        assert find_flagged(flag_cells(make_rows(age=age, worth=worth), NORMAL).missing) == {"worth"}

    def test_an_absent_column_is_missing_in_every_row(self):
        flags = flag_cells(make_rows()[[]], NORMAL)
        assert find_flagged(flags.missing) == {"worth", "age", "rare", "make", "contract"}
        assert flags.missing[:, NAMES.index("worth")].all()


class TestNewLevels:
    def test_levels_that_are_new_in_every_row_as_usual_are_not_flagged(self):
        for rows in (1, 29, ROWS):
            flags = flag_cells(make_rows(rows, contract=[f"new {row}" for row in range(rows)]), NORMAL)
            assert not flags.anomalous.any()
            assert flags.drifting == ()

    def test_a_few_new_levels_are_flagged_where_none_are_usual(self):
        make = ["unheard of"] * 10 + ["a"] * (ROWS - 10)
        flags = flag_cells(make_rows(make=make), NORMAL)
        assert flags.unseen[:, NAMES.index("make")].sum() == 10
        assert flag_cells(make_rows(1, make="unheard of"), NORMAL).unseen.sum() == 1


def test_columns_that_nobody_knows_are_not_looked_at():
    flags = flag_cells(make_rows(stranger=1e9), NORMAL)
    assert flags.names == NAMES
    assert not flags.anomalous.any()


@pytest.mark.parametrize(("out", "drifting"), [(60, False), (71, False), (72, True), (100, True)])
def test_a_column_drifts_surely_above_the_limit_and_not_by_chance(out, drifting):
    """A share of 60 % of 100 cells may look like 71 %; scattered, since a block of them is a change from a row on."""
    worth = np.where(np.random.default_rng(5).permutation(ROWS) < out, 12.0, 5.0)
    flags = flag_cells(make_rows(worth=worth), NORMAL)
    assert flags.drifting == (("worth",) if drifting else ())
    assert flags.out_of_range.sum() == (0 if drifting else out)


def test_only_known_cells_decide_about_drift():
    worth = np.full(ROWS, np.nan)
    worth[:MIN_DRIFT_ROWS] = 12.0
    assert flag_cells(make_rows(worth=worth), NORMAL).drifting == ("worth",)
    worth[0] = np.nan
    few = flag_cells(make_rows(worth=worth), NORMAL)
    assert few.drifting == ()
    assert few.out_of_range.sum() == MIN_DRIFT_ROWS - 1


def test_damage_of_a_whole_column_stays_flagged_and_drift_beside_it_does_not():
    flags = flag_cells(make_rows(worth=1e9, make="new"), NORMAL)
    assert flags.drifting == ("make",)
    assert flags.out_of_range[:, NAMES.index("worth")].all()
    assert not flags.unseen.any()


def test_no_row_and_no_column_are_no_error():
    assert flag_cells(make_rows(0), NORMAL).missing.shape == (0, len(NAMES))
    for rows in (0, 1, ROWS):
        bare = flag_cells(make_rows(rows), InputReference({}, {}))
        assert bare.names == ()
        assert bare.anomalous.shape == (rows, 0)


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


CELLS = st.fixed_dictionaries(
    {
        "worth": st.sampled_from([5.0, 12.0, 1e9, np.nan]),
        "rare": st.sampled_from([0.5, np.nan]),
        "make": st.sampled_from(["a", "new", "newer", None]),
    }
)


@given(st.lists(CELLS, min_size=1, max_size=8), st.integers(1, 40), st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_chunks_are_flagged_as_the_whole_by_the_verdict_on_it(pattern, times, cut):
    """However a request is cut, one verdict holds for all its parts, for flags and for the guard."""
    table = make_rows(len(pattern) * times, **pd.DataFrame(pattern * times))
    verdict = judge_columns(Cells.of(table), NORMAL)
    whole = flag_cells(table, NORMAL)
    parts = [flag_cells(part, NORMAL, verdict) for part in (table.iloc[:cut], table.iloc[cut:]) if len(part)]
    for kind in ("missing", "out_of_range", "unseen"):
        np.testing.assert_array_equal(np.concatenate([getattr(part, kind) for part in parts]), getattr(whole, kind))
    assert {part.drifting for part in parts} == {whole.drifting}
    for found in (find_anomalous(Cells.of(table), NORMAL), find_anomalous(Cells.of(table), NORMAL, verdict)):
        assert {name: hit.tolist() for name, hit in found.items()} == {
            name: hit.tolist() for name, hit in zip(NAMES, whole.anomalous.T, strict=True) if hit.any()
        }
