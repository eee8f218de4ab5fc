"""SHAP values add up to the answer, for every family and task."""

import numpy as np
import pytest
from made_state import ROWS, make_model, make_rows

from pointsman.common.task import Task
from pointsman.model_zoo.families import FAMILIES
from pointsman.pipeline.reporting.explanation.contributions import (
    CHUNK_ROWS,
    compute_contributions,
    explain_version,
    find_obstacle,
)

EXPLAINED = [
    pytest.param(name, marks=pytest.mark.slow) if name == "knn" else name
    for name, family in FAMILIES.items()
    if name != "prior" and family.installed
]
LAPLACE = 2 / (ROWS + 1)
"""An answer mixes one imagined row of class shares in, which is no part of the sum."""


def link(contributions, task: Task) -> np.ndarray:
    """The probabilities or numbers behind the margins."""
    margins = contributions.margins
    if not contributions.scale.startswith("log-odds"):
        return margins
    return (
        1 / (1 + np.exp(-margins)) if task is Task.BINARY else np.exp(margins) / np.exp(margins).sum(1, keepdims=True)
    )


@pytest.mark.parametrize("balance", [0.0, 1.0])
@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("family", EXPLAINED)
def test_values_and_base_add_up_to_the_answer(family, task, balance):
    if balance and (not task.is_classification or family in ("tree", "extra_trees")):
        pytest.skip("no class weights here, or the scale says that they are still in")
    model = make_model(family, FAMILIES[family].variants[0], task, balance=balance)
    rows = 8 if family == "knn" else 40
    features, _ = make_rows(3, rows)
    explained = compute_contributions(model, features, seconds=60, seed=1)
    answers = model.predict(explained.features).reshape(len(explained.features), -1)
    answers = answers[:, 1:] if task is Task.BINARY else answers
    assert explained.values.shape == (rows, features.shape[1], answers.shape[1])
    np.testing.assert_allclose(link(explained, task), answers, atol=LAPLACE if task.is_classification else 1e-6)
    assert np.abs(explained.values).mean(axis=(0, 2)).max() > 10 * LAPLACE / features.shape[1], "nothing was explained"


def test_the_features_that_matter_come_first():
    model = make_model("lightgbm", "native", Task.REGRESSION)
    explained = compute_contributions(model, make_rows(3)[0], seconds=60, seed=1)
    assert {explained.features.columns[place] for place in explained.rank_features()[:2]} == {"age", "make_fuel"}


def test_class_weights_left_in_are_named():
    model = make_model("tree", "target", Task.BINARY, balance=1.0)
    assert "before class weights" in compute_contributions(model, make_rows(3, 30)[0], 60, 1).scale


@pytest.mark.slow
def test_time_ends_an_explanation_after_its_first_rows():
    model = make_model("knn", "target", Task.BINARY)
    explained = compute_contributions(model, make_rows(3)[0], seconds=1e-9, seed=1)
    assert len(explained.values) == len(explained.features) == CHUNK_ROWS


def test_sampled_values_are_seeded_and_leave_the_global_generator_alone():
    model = make_model("knn", "spelling", Task.MULTICLASS)
    features, _ = make_rows(3, 4)
    np.random.seed(5)
    expected = np.random.RandomState(5).random_sample(3)
    first = compute_contributions(model, features, 60, seed=1)
    assert np.random.random_sample(3).tolist() == expected.tolist()
    assert np.array_equal(first.values, compute_contributions(model, features, 60, seed=1).values)


def test_columns_of_a_request_are_taken_by_name():
    model = make_model("linear", "onehot", Task.BINARY)
    features, _ = make_rows(3, 20)
    shuffled = features[["make_fuel", "worth", "age", "make"]].assign(unknown=1.0)
    one, other = (compute_contributions(model, table, 60, 1) for table in (features, shuffled))
    np.testing.assert_array_equal(one.values, other.values)


def test_the_prior_says_why_it_has_nothing_to_explain():
    explanation = explain_version("prior-0001", 1, make_model("prior", "onehot", Task.BINARY), make_rows(1)[0], 60, 1)
    assert explanation.contributions is None
    assert "answers every row alike" in explanation.obstacle
    assert find_obstacle(make_model("tree", "target", Task.BINARY)) == ""
