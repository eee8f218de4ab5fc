"""Exams: metrics as scikit-learn has them, a skill that no constant earns, and overfitting that is not made up."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from pointsman.common.task import Task
from pointsman.experiments.fit_metrics import LEAST_ROWS, compare_fits, compute_fit_metrics, fit_constant, measure_fit
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.fitting import fit_model

CLASSES = {Task.BINARY: ("n", "y"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}


def make_noise(task, rows, seed):
    """Rows whose target has nothing to do with them."""
    generator = np.random.default_rng(seed)
    features = pd.DataFrame(generator.normal(size=(rows, 6)), columns=list("abcdef"))
    count = len(CLASSES[task])
    return features, generator.integers(0, count, rows).astype(float) if count else generator.normal(size=rows)


def examine_on_noise(task, family, params):
    """Fit on noise, and hold both exams."""
    features, target = make_noise(task, 400, 1)
    model = fit_model(Candidate(family, "onehot", params), features, target, task, CLASSES[task], seed=1)
    train = measure_fit(task, target, model.predict(features))
    later, truth = make_noise(task, 300, 2)
    return train, measure_fit(task, truth, model.predict(later), constant=train.constant)


@pytest.mark.parametrize("task", list(Task))
def test_a_deep_tree_on_noise_is_overfit_and_a_prior_is_not(task):
    deep = {"max_depth": 14, "min_samples_leaf": 5, "pruning": 1e-6}
    train, test = examine_on_noise(task, "tree", deep)
    assert train.skill > 0.3 > 0 > test.skill
    assert compare_fits(train, test).overfit
    gap = compare_fits(*examine_on_noise(task, "prior", {}))
    assert not gap.overfit
    assert abs(gap.size) < 0.01


def test_a_shallow_tree_on_noise_stays_below_the_margin():
    stump = {"max_depth": 3, "min_samples_leaf": 150, "pruning": 1e-2}
    assert not compare_fits(*examine_on_noise(Task.BINARY, "tree", stump)).overfit


def test_a_batch_that_is_harder_for_everyone_is_no_overfitting():
    learned, harder = np.repeat([0, 1], [90, 10]), np.repeat([0, 1], [50, 50])
    shares = np.tile([0.9, 0.1], (100, 1))
    train = measure_fit(Task.BINARY, learned, shares)
    gap = compare_fits(train, measure_fit(Task.BINARY, harder, shares, constant=train.constant))
    assert abs(gap.size) < 0.02


def test_what_few_rows_show_is_no_proof():
    few = np.arange(LEAST_ROWS - 1) % 2
    known = measure_fit(Task.BINARY, few, np.eye(2)[few] * 0.98 + 0.01)
    wrong = measure_fit(Task.BINARY, few, np.eye(2)[1 - few] * 0.98 + 0.01, constant=known.constant)
    gap = compare_fits(known, wrong)
    assert gap.size > 1
    assert not gap.overfit


def test_without_rows_that_were_not_learned_nothing_is_said():
    exam = measure_fit(Task.REGRESSION, np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    assert compare_fits(exam, None).size is None
    constant = measure_fit(Task.REGRESSION, np.ones(40), np.ones(40))
    assert (constant.skill, constant.metrics) == (None, {"rmse": 0.0, "mae": 0.0})


def test_a_prediction_that_is_no_number_has_no_skill():
    exam = measure_fit(Task.REGRESSION, np.arange(3.0), np.array([0.0, np.nan, 2.0]))
    assert exam.skill is None
    assert exam.metrics == {}


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4), st.integers(1, 60), st.integers(0, 2**31))
def test_the_metrics_are_those_of_scikit_learn_by_support(n_classes, rows, seed):
    generator = np.random.default_rng(seed)
    target, predicted = generator.integers(0, n_classes, rows), generator.dirichlet(np.ones(n_classes), rows)
    decided, weighted = predicted.argmax(axis=1), {"average": "weighted", "zero_division": 0}
    found = compute_fit_metrics(Task.MULTICLASS, target.astype(float), predicted)
    assert found["f1"] == pytest.approx(f1_score(target, decided, **weighted))
    assert found["weightedPrecision"] == pytest.approx(precision_score(target, decided, **weighted))
    assert found["weightedRecall"] == pytest.approx(recall_score(target, decided, **weighted))
    assert found["weightedRecall"] == pytest.approx(found["accuracy"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=50))
def test_the_constant_itself_has_no_skill(codes):
    target = np.array(codes)
    answers = np.tile(fit_constant(Task.MULTICLASS, target, 3), (len(target), 1))
    assert measure_fit(Task.MULTICLASS, target, answers).skill == pytest.approx(0, abs=1e-9)
