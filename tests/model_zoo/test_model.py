"""Fitted candidates as a whole: treated rows, files and back, learning on, and class weights taken out again."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.fitting import compute_class_weights, fit_model, treat_rows, update_model
from pointsman.model_zoo.model import PROTOCOL, Model, align_classes, remove_class_weights
from pointsman.model_zoo.reference_fitting import fit_input_reference

ROWS = 400
CLASSES = {Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}
TASKS = list(Task)
SETTINGS = {
    "lightgbm": {"rounds": 30, "num_leaves": 7, "learning_rate": 0.2},
    "extra_trees": {"trees": 20},
    "knn": {},
    "linear": {},
    "prior": {},
}
VARIANTS = {"lightgbm": "native", "extra_trees": "target", "knn": "target", "linear": "onehot", "prior": "native"}


def make_rows(task, seed=0, rows=ROWS):
    """Rows without a missing cell; ``signal`` lies about 100, so that 0 is far outside."""
    generator = np.random.default_rng(seed)
    signal = generator.normal(100, 10, rows)
    features = pd.DataFrame(
        {
            "signal": signal,
            "noise": generator.normal(size=rows),
            "make": pd.Series(generator.choice(["a", "b", "c"], rows), dtype="str"),
        }
    )
    hidden = (signal - 100) / 10 + (features["make"] == "a").to_numpy()
    target = {
        Task.BINARY: (hidden > 0.3).astype(float),
        Task.MULTICLASS: np.digitize(hidden, [-0.3, 0.9]).astype(float),
        Task.REGRESSION: hidden,
    }[task]
    return features, target


def fit(task=Task.BINARY, family="lightgbm", seed=3, balance=None, **treatment):
    params = SETTINGS[family] | ({} if balance is None else {"balance": balance})
    candidate = Candidate(family, VARIANTS[family], params, **treatment)
    return fit_model(candidate, *make_rows(task), task, CLASSES[task], seed)


def ask(**cells):
    row = {"signal": 100.0, "noise": 0.0, "make": "b"} | cells
    return pd.DataFrame([row]).astype({"signal": float, "noise": float, "make": "str"})


DAMAGED = pd.concat(
    [ask(signal=np.nan), ask(signal=1e9), ask(signal=-999.0), ask(make="?"), ask(make=np.nan), ask(noise=np.inf)],
    ignore_index=True,
)


@pytest.mark.parametrize("family", list(SETTINGS))
@pytest.mark.parametrize("task", TASKS)
def test_a_masked_and_guarded_model_of_any_family_comes_back_from_its_files(task, family):
    model = fit(task, family, window=3, masked=True, guarded=True)
    loaded = Model.load(model.dump())
    assert loaded.dump() == model.dump()
    assert (loaded.candidate, loaded.normal, loaded.classes) == (model.candidate, model.normal, model.classes)
    predicted = model.predict(DAMAGED)
    assert np.isfinite(predicted).all()
    np.testing.assert_array_equal(loaded.predict(DAMAGED), predicted)


@pytest.mark.parametrize("task", TASKS)
def test_two_fits_with_one_seed_are_the_same_bytes(task):
    first, second = (fit(task, masked=True, guarded=True) for _ in range(2))
    assert first.dump() == second.dump()
    assert fit(task, masked=True, guarded=True, seed=4).dump() != first.dump()


@pytest.mark.parametrize("task", TASKS)
def test_masking_lets_lightgbm_tell_missing_from_nought_and_from_the_median(task):
    """Without masking a missing cell of a complete column is taken for its median: nothing else was ever shown."""
    features, _ = make_rows(task)
    median = float(np.median(features["signal"].astype(np.float32)))
    plain, masked = fit(task), fit(task, masked=True)
    missing = ask(signal=np.nan)
    np.testing.assert_array_equal(plain.predict(missing), plain.predict(ask(signal=median)))
    apart = {cell: np.abs(masked.predict(missing) - masked.predict(ask(signal=cell))).max() for cell in (0.0, median)}
    assert apart[0.0] > 0.2
    assert apart[median] > 0.005


@pytest.mark.parametrize("family", ["lightgbm", "knn", "linear"])
def test_a_guarded_model_answers_the_impossible_as_the_missing(family):
    plain, guarded = fit(family=family), fit(family=family, guarded=True)
    missing = guarded.predict(ask(signal=np.nan))
    for absurd in (1e9, -999.0, np.inf):
        np.testing.assert_array_equal(guarded.predict(ask(signal=absurd)), missing)
    assert not np.allclose(plain.predict(ask(signal=1e9)), missing, atol=0.05)
    np.testing.assert_array_equal(guarded.predict(ask(signal=112.0)), plain.predict(ask(signal=112.0)))


@pytest.mark.parametrize("family", ["knn", "extra_trees"])
def test_a_class_without_rows_is_no_hindrance_to_a_model_on_encoded_targets(family):
    features, target = make_rows(Task.MULTICLASS)
    there = target != 1
    candidate = Candidate(family, "target", SETTINGS[family], masked=True, guarded=True)
    task = Task.MULTICLASS
    model = fit_model(candidate, features[there].reset_index(drop=True), target[there], task, CLASSES[task], seed=3)
    probabilities = model.predict(features)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert probabilities[target == 0, 0].mean() > 0.7
    assert probabilities[:, 1].max() < 0.05
    np.testing.assert_array_equal(Model.load(model.dump()).predict(DAMAGED), model.predict(DAMAGED))


@pytest.mark.parametrize("family", list(SETTINGS))
@pytest.mark.parametrize("task", TASKS)
def test_no_rows_have_no_predictions(task, family):
    balance = None if task is Task.REGRESSION else 1.0
    model = fit(task, family, balance=balance, masked=True, guarded=True)
    shape = (0, len(CLASSES[task])) if task.is_classification else (0,)
    assert model.predict(DAMAGED.head(0)).shape == shape
    assert model.predict(pd.DataFrame()).shape == shape


def test_an_unguarded_model_keeps_no_file_of_what_is_normal():
    assert "normal.json" not in fit(masked=True).dump()
    assert "normal.json" in fit(guarded=True).dump()


@pytest.mark.parametrize("task", TASKS)
def test_a_masked_model_does_not_learn_the_target_of_a_row_from_its_copy(task):
    """Levels of a single row tell nothing about the target, unless a row is encoded by its copy's."""
    features, _ = make_rows(task)
    features = pd.DataFrame({"town": pd.Series([f"t{row}" for row in range(ROWS)], dtype="str")})
    target = np.random.default_rng(5).integers(0, 2, ROWS).astype(float)
    model = fit_model(Candidate("knn", "target", masked=True), features, target, task, CLASSES[task], seed=3)
    learned = model.estimator.learned
    shown = learned.rows[:, 0], np.tile(target, 2)
    assert abs(np.corrcoef(*shown)[0, 1]) < 0.15


class TestRows:
    def test_they_pass_the_guard_before_copies_are_masked(self):
        features, target = make_rows(Task.BINARY)
        normal = fit_input_reference(features)
        features.loc[5, "signal"] = 1e9
        both = Candidate("lightgbm", "native", masked=True, guarded=True)
        treated, targets = treat_rows(both, normal, features, target, seed=1)
        assert np.isnan(treated.loc[5, "signal"])
        assert treated["signal"].max() < 200
        assert (len(treated), len(targets)) == (2 * ROWS, 2 * ROWS)
        assert features.loc[5, "signal"] == 1e9

    def test_without_a_treatment_they_are_what_they_were(self):
        features, target = make_rows(Task.BINARY)
        treated, targets = treat_rows(Candidate("lightgbm", "native"), None, features, target, seed=1)
        assert treated is features
        assert targets is target


class TestUpdates:
    @pytest.mark.parametrize("family", ["lightgbm", "knn", "prior"])
    @pytest.mark.parametrize("task", TASKS)
    def test_the_old_model_stays_and_the_new_one_is_stored(self, task, family):
        model = fit(task, family, masked=True, guarded=True)
        before = model.dump()
        features, target = make_rows(task, seed=8)
        updated = update_model(model, features, target, seed=9)
        assert model.dump() == before
        assert updated.dump() != before
        assert update_model(model, features, target, seed=9).dump() == updated.dump()
        loaded = Model.load(updated.dump())
        np.testing.assert_array_equal(loaded.predict(DAMAGED), updated.predict(DAMAGED))

    def test_what_is_normal_stays_that_of_the_first_fit(self):
        model = fit(family="knn", guarded=True)
        features, target = make_rows(Task.BINARY, seed=8)
        features.loc[:99, "signal"] = 1e6
        updated = update_model(model, features, target, seed=9)
        assert updated.normal == model.normal
        np.testing.assert_array_equal(updated.predict(ask(signal=1e6)), updated.predict(ask(signal=np.nan)))

    def test_a_stored_model_learns_on_as_the_one_in_memory_does(self):
        model = fit(masked=True, guarded=True, balance=0.7)
        features, target = make_rows(Task.BINARY, seed=8)
        dumps = [update_model(one, features, target, seed=9).dump() for one in (model, Model.load(model.dump()))]
        assert dumps[0] == dumps[1]

    def test_turned_around_targets_turn_the_answers(self):
        model = fit(family="knn", guarded=True, masked=True)
        asked = ask(signal=125.0)
        assert model.predict(asked)[0, 1] > 0.7
        for seed in range(20, 30):
            features, target = make_rows(Task.BINARY, seed=seed)
            model = update_model(model, features, 1 - target, seed=seed)
        assert model.predict(asked)[0, 1] < 0.3


def test_a_newer_protocol_is_refused():
    parts = fit(family="prior").dump()
    newer = json.dumps(json.loads(parts["model.json"]) | {"protocol": PROTOCOL + 1}).encode()
    with pytest.raises(ValueError, match=f"protocol {PROTOCOL + 1} is newer"):
        Model.load(parts | {"model.json": newer})


def test_a_threshold_is_kept_and_changes_no_probability():
    model = fit()
    strict = Model.load(model.with_threshold(0.8).dump())
    assert (model.threshold, strict.threshold) == (0.5, 0.8)
    np.testing.assert_array_equal(strict.predict(DAMAGED), model.predict(DAMAGED))


class TestClassWeights:
    def test_balanced_training_does_not_inflate_a_rare_class(self):
        features, _ = make_rows(Task.BINARY, rows=4_000)
        target = (np.random.default_rng(1).random(4_000) < 0.05).astype(float)
        candidate = Candidate("linear", "onehot", {"balance": 1.0})
        model = fit_model(candidate, features, target, Task.BINARY, ("no", "yes"), seed=1)
        assert model.class_weights[1] > 8
        assert model.predict(features)[:, 1].mean() == pytest.approx(target.mean(), abs=0.01)

    def test_a_class_without_rows_weighs_as_one_of_ordinary_share(self):
        weights = compute_class_weights(np.array([0.0, 0.0, 2.0, 2.0]), Task.MULTICLASS, 3, 1.0)
        assert weights == pytest.approx((2 / 3, 1.0, 2 / 3))

    def test_there_are_none_for_numbers_or_without_balance(self):
        assert compute_class_weights(np.arange(4.0), Task.REGRESSION, 0, 1.0) == ()
        assert compute_class_weights(np.array([0, 1]), Task.BINARY, 2, 0.0) == ()

    @given(
        hnp.arrays(float, (5, 3), elements=st.floats(0.001, 1)), st.lists(st.floats(0.05, 20), min_size=3, max_size=3)
    )
    @settings(deadline=None)
    def test_taking_weights_out_undoes_weighting(self, shares, weights):
        shares = shares / shares.sum(axis=1, keepdims=True)
        weighted = shares * weights
        weighted = weighted / weighted.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(remove_class_weights(weighted, weights), shares, atol=1e-9)


@given(st.permutations(["a", "b", "c", "d"]), st.integers(1, 4))
def test_aligned_classes_keep_their_probabilities_whatever_the_order(wanted, n_known):
    known = ["a", "b", "c", "d"][:n_known]
    probabilities = np.random.default_rng(n_known).dirichlet(np.ones(n_known), size=3)
    aligned = align_classes(probabilities, known, wanted)
    assert aligned.shape == (3, 4)
    for label in wanted:
        expected = probabilities[:, known.index(label)] if label in known else 0.0
        np.testing.assert_array_equal(aligned[:, wanted.index(label)], expected)


def test_a_class_that_is_no_longer_wanted_is_left_out():
    assert align_classes(np.array([[0.25, 0.75]]), ["a", "b"], ["b"]).tolist() == [[0.75]]
