"""Trees as arrays answer to the bit what scikit-learn's objects do, for one row and for many."""

import sys

import numpy as np
import pytest
import shap
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from pointsman.model_zoo.forest import FEW_ROWS, UNLOADED_ROWS, VOTED_ROWS, Forest, read_trees
from pointsman.model_zoo.forest_shap import compute_shap

GENERATOR = np.random.default_rng(0)
VALUES = GENERATOR.normal(size=(400, 5)).astype(np.float32)
HOLES = np.where(GENERATOR.random(VALUES.shape) < 0.2, np.float32(np.nan), VALUES)
TARGET = VALUES[:, 0] + GENERATOR.normal(size=400)
CODES = np.digitize(TARGET, [-0.5, 0.5])
MANY = np.column_stack([TARGET, -TARGET, TARGET**2])
MODELS = {
    "classes": ExtraTreesClassifier(30, min_samples_leaf=3, random_state=1).fit(VALUES, CODES),
    "missing": ExtraTreesClassifier(30, max_depth=6, random_state=1).fit(HOLES, CODES),
    "numbers": ExtraTreesRegressor(20, random_state=1).fit(VALUES, TARGET),
    "several": ExtraTreesRegressor(20, min_samples_leaf=3, random_state=1).fit(VALUES, MANY),
    "one tree": DecisionTreeClassifier(max_depth=5, random_state=1).fit(VALUES, CODES),
    "stump": DecisionTreeRegressor(random_state=1).fit(VALUES, np.ones(400)),
}
FORESTS = {name: read_trees(getattr(model, "estimators_", [model])) for name, model in MODELS.items()}


def ask(name, values):
    model = MODELS[name]
    answered = model.predict_proba(values) if hasattr(model, "predict_proba") else model.predict(values)
    return answered.reshape(len(values), -1)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rows", [1, FEW_ROWS, FEW_ROWS + 1, 400])
def test_a_forest_answers_what_scikit_learn_does(name, rows):
    asked = (HOLES if name == "missing" else VALUES)[-rows:]
    assert np.array_equal(FORESTS[name].predict(asked), ask(name, asked))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rows", [0, VOTED_ROWS + 1, UNLOADED_ROWS])
def test_it_answers_the_same_while_scikit_learn_s_trees_are_not_loaded(name, rows, monkeypatch):
    asked = np.resize(HOLES if name == "missing" else VALUES, (rows, 5))
    known = FORESTS[name].predict(asked)
    monkeypatch.delitem(sys.modules, "sklearn.tree")
    assert np.array_equal(FORESTS[name].predict(asked), known)


@pytest.mark.parametrize("name", MODELS)
def test_a_forest_comes_back_from_its_bytes(name):
    stored = FORESTS[name].dump()
    again = Forest.load(stored)
    assert np.array_equal(again.predict(VALUES), FORESTS[name].predict(VALUES))
    assert again.dump() == stored


@pytest.mark.parametrize("name", MODELS)
def test_shap_values_of_the_arrays_are_those_that_shap_finds_for_the_model(name):
    asked = (HOLES if name == "missing" else VALUES)[:9]
    terms, forest = compute_shap(FORESTS[name], asked), FORESTS[name]
    np.testing.assert_allclose(terms.base + terms.parts.sum(axis=1), forest.predict(asked), atol=1e-12)
    if name == "missing":  # shap does not follow missing cells as scikit-learn does
        asked = VALUES[:9]
        terms = compute_shap(forest, asked)
    theirs = shap.TreeExplainer(MODELS[name]).shap_values(asked, check_additivity=False)
    np.testing.assert_allclose(terms.parts, theirs.reshape(terms.parts.shape), atol=1e-7)


def test_shap_values_of_two_classes_mirror_each_other():
    model = ExtraTreesClassifier(10, random_state=1).fit(VALUES, CODES > 0)
    parts = compute_shap(read_trees(model.estimators_), VALUES[:9]).parts
    np.testing.assert_allclose(parts, shap.TreeExplainer(model).shap_values(VALUES[:9]), atol=1e-7)
    assert np.array_equal(parts[:, :, 0], -parts[:, :, 1])


def test_rows_are_explained_alike_alone_and_together(monkeypatch):
    together = compute_shap(FORESTS["classes"], VALUES[:30]).parts
    monkeypatch.setattr("pointsman.model_zoo.forest_shap.CHUNK_CELLS", 1)
    assert np.allclose(together, compute_shap(FORESTS["classes"], VALUES[:30]).parts, atol=1e-14)


def test_arrays_that_are_no_forest_are_refused():
    from pointsman.model_zoo.arrays import dump_arrays

    with pytest.raises(ValueError, match="holds a instead of starts, left"):
        Forest.load(dump_arrays(a=np.zeros(3)))
