"""Guard, masking and windows: how a model's rows are treated before it learns, and that its files keep it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.column_verdicts import MIN_DRIFT_ROWS
from pointsman.model_zoo.fitting import fit_model, update_model
from pointsman.model_zoo.guard import guard
from pointsman.model_zoo.masking import add_masked_copies
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.reference import InputReference
from pointsman.model_zoo.reference_fitting import fit_input_reference

ROWS = 400


def make_rows(rows=ROWS, seed=0):
    generator = np.random.default_rng(seed)
    features = pd.DataFrame(
        {
            "worth": generator.uniform(10, 20, rows),
            "age": generator.uniform(0, 1, rows),
            "often_missing": np.where(generator.random(rows) < 0.6, np.nan, 1.0),
            "make": pd.Series(generator.choice(["a", "b", "c"], rows), dtype="str"),
        }
    )
    target = (features["worth"] + 3 * (features["make"] == "a") > 15).to_numpy(dtype=float)
    return features, target


FEATURES, TARGET = make_rows()
NORMAL = fit_input_reference(FEATURES)


def ask(**cells):
    """One row of ordinary cells, some replaced."""
    row = {"worth": 15.0, "age": 0.5, "often_missing": 1.0, "make": "a"} | cells
    return pd.DataFrame([row]).astype(FEATURES.dtypes.to_dict())


class TestFlags:
    @pytest.mark.parametrize(
        ("cells", "kind", "column"),
        [
            ({"worth": 1e6}, "out_of_range", "worth"),
            ({"worth": -999.0}, "out_of_range", "worth"),
            ({"make": "unheard of"}, "unseen", "make"),
            ({"worth": np.nan}, "missing", "worth"),
            ({"make": np.nan}, "missing", "make"),
        ],
    )
    def test_a_damaged_cell_is_flagged_as_what_it_is(self, cells, kind, column):
        flags = flag_cells(ask(**cells), NORMAL)
        found = {
            name: flags.names[position]
            for name in ("missing", "out_of_range", "unseen")
            for position in np.flatnonzero(getattr(flags, name)[0])
        }
        assert found == {kind: column}

    def test_ordinary_rows_and_expected_gaps_are_not_flagged(self):
        flags = flag_cells(FEATURES, NORMAL)
        assert not flags.anomalous.any()
        assert not flags.missing.any()

    def test_an_absent_column_is_missing_in_every_row(self):
        flags = flag_cells(FEATURES.drop(columns="worth"), NORMAL)
        assert flags.missing[:, flags.names.index("worth")].all()

    def test_a_column_that_is_out_of_range_as_a_whole_has_drifted(self):
        moved = FEATURES.assign(worth=FEATURES["worth"] + 20)
        flags = flag_cells(moved, NORMAL)
        assert flags.drifting == ("worth",)
        assert not flags.anomalous.any()
        few = flag_cells(moved.head(MIN_DRIFT_ROWS - 1), NORMAL)
        assert few.drifting == ()
        assert few.out_of_range.any(axis=1).all()

    def test_what_is_normal_survives_json(self):
        assert InputReference.from_json(NORMAL.to_json()) == NORMAL


class TestGuard:
    def test_impossible_cells_become_missing_and_nothing_else_changes(self):
        asked = pd.concat([ask(worth=1e9), ask(make="unheard of"), ask()], ignore_index=True)
        guarded = guard(asked, NORMAL)
        assert guarded["worth"].isna().tolist() == [True, False, False]
        assert guarded["make"].isna().tolist() == [False, True, False]
        pd.testing.assert_frame_equal(guarded.tail(1), asked.tail(1))
        assert asked["worth"].notna().all()

    def test_nothing_to_hide_costs_no_copy(self):
        assert guard(FEATURES, NORMAL) is FEATURES

    @given(st.floats(allow_nan=False, allow_infinity=True, width=64))
    @settings(max_examples=40, deadline=None)
    def test_guarding_twice_is_guarding_once(self, worth):
        once = guard(ask(worth=worth), NORMAL)
        pd.testing.assert_frame_equal(guard(once, NORMAL), once)


class TestMasking:
    def test_the_rows_come_first_as_they_are_then_their_masked_copies(self):
        both, target = add_masked_copies(FEATURES, TARGET, np.random.default_rng(1))
        assert len(both) == 2 * ROWS
        pd.testing.assert_frame_equal(both.head(ROWS), FEATURES)
        np.testing.assert_array_equal(target, np.tile(TARGET, 2))
        copies = both.tail(ROWS).reset_index(drop=True)
        hidden = copies.isna() & FEATURES.notna()
        assert hidden.any().drop("often_missing").all()
        kept = copies.where(copies.notna(), FEATURES)
        pd.testing.assert_frame_equal(kept, FEATURES)

    def test_rows_differ_in_how_much_is_hidden(self):
        both, _ = add_masked_copies(FEATURES[["worth", "age", "make"]], TARGET, np.random.default_rng(1))
        hidden = both.tail(ROWS).isna().sum(axis=1)
        assert set(hidden) == {0, 1, 2, 3}


LIGHTGBM = {"rounds": 30, "num_leaves": 7, "learning_rate": 0.2}


def fit(family="lightgbm", variant="native", params=None, **treatment):
    candidate = Candidate(family, variant, LIGHTGBM if params is None else params, **treatment)
    return fit_model(candidate, FEATURES, TARGET, Task.BINARY, ("0", "1"), seed=3)


class TestModels:
    @pytest.mark.parametrize("treatment", [{}, {"masked": True}, {"guarded": True}, {"masked": True, "guarded": True}])
    def test_a_treated_model_is_stored_and_answers_the_same(self, treatment):
        model = fit(**treatment)
        loaded = Model.load(model.dump())
        assert loaded.candidate == model.candidate
        damaged = pd.concat([ask(worth=1e9), ask(worth=np.nan), ask(make="?")], ignore_index=True)
        np.testing.assert_array_equal(loaded.predict(damaged), model.predict(damaged))
        assert loaded.dump() == model.dump()

    def test_a_guarded_model_answers_an_impossible_cell_as_a_missing_one(self):
        model = fit(masked=True, guarded=True)
        for worth in (1e9, -999.0, np.inf):
            np.testing.assert_array_equal(model.predict(ask(worth=worth)), model.predict(ask(worth=np.nan)))

    def test_a_masked_model_does_not_take_missing_for_any_number(self):
        """Rows without 'worth' say that little is known, where 0 and every other number say much."""
        model = fit(masked=True)
        share = model.predict(ask(worth=np.nan, make="b"))[0, 1]
        assert 0.15 < share < 0.85
        assert model.predict(ask(worth=10.0, make="b"))[0, 1] < 0.1
        assert model.predict(ask(worth=20.0, make="b"))[0, 1] > 0.9

    def test_masking_pays_where_cells_are_missing(self):
        later, target = make_rows(seed=9)
        generator = np.random.default_rng(4)
        damaged = later.mask(generator.random(later.shape) < 0.5)
        losses = {}
        for masked in (False, True):
            predicted = fit(masked=masked).predict(damaged)[np.arange(ROWS), target.astype(int)]
            losses[masked] = -np.log(predicted.clip(1e-6)).mean()
        assert losses[True] < 0.9 * losses[False]

    def test_an_update_keeps_guard_and_masking(self):
        model = fit(masked=True, guarded=True)
        later, target = make_rows(seed=5)
        later.loc[0, "worth"] = 1e12
        updated = update_model(model, later, target, seed=8)
        assert updated.normal == model.normal
        np.testing.assert_array_equal(updated.predict(ask(worth=1e9)), updated.predict(ask(worth=np.nan)))
