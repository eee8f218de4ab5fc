"""SHAP values add up to the answer, for every family and task, and say how exact they are."""

from math import factorial

import numpy as np
import pandas as pd
import pytest
from made_state import make_model, make_rows

from pointsman.common.task import Task
from pointsman.meta.records import predict_outputs
from pointsman.model_zoo.families import FAMILIES
from pointsman.pipeline.reporting.explanation.contributions import Exactness
from pointsman.pipeline.reporting.explanation.mixture import count_rows, find_exactness, mix_contributions
from pointsman.pipeline.reporting.explanation.permutation import explain_by_permutation

CLASSES = {Task.BINARY: ("0", "1"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}
EXPLAINED = [name for name, family in FAMILIES.items() if name != "prior" and family.installed]
ROUNDED = 1e-5
"""LightGBM and carrying over a link round at about this size."""


def explain(model, rows):
    return mix_contributions({"one": model}, {"one": 1.0}, rows, CLASSES[model.task], seconds=60, seed=1)


@pytest.mark.parametrize("balance", [0.0, 1.0])
@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("family", EXPLAINED)
def test_values_and_base_add_up_to_the_answer(family, task, balance):
    if balance and not task.is_classification:
        pytest.skip("numbers have no class weights")
    model = make_model(family, FAMILIES[family].variants[0], task, balance=balance)
    rows = make_rows(3, 5 if family == "knn" else 40)[0]
    explained = explain(model, rows)
    answers = predict_outputs(model, rows, CLASSES[task])
    answers = answers[:, 1:] if task is Task.BINARY else answers
    assert explained.values.shape == (len(rows), rows.shape[1], answers.shape[1])
    np.testing.assert_allclose(explained.margins, answers, atol=ROUNDED)
    assert np.abs(explained.values).mean(axis=(0, 2)).max() > 0.01, "nothing was explained"


def test_how_exact_values_are_depends_on_what_lies_between_them_and_the_answer():
    def find(family, task, **made):
        return find_exactness(make_model(family, FAMILIES[family].variants[0], task, **made))

    assert {find(family, Task.REGRESSION) for family in ("lightgbm", "linear", "tree")} == {Exactness.EXACT}
    assert find("extra_trees", Task.BINARY) is Exactness.EXACT
    assert find("extra_trees", Task.BINARY, balance=1.0) is Exactness.CARRIED
    assert find("lightgbm", Task.BINARY) is find("linear", Task.MULTICLASS) is Exactness.CARRIED
    assert find("knn", Task.BINARY) is Exactness.SAMPLED
    assert find("prior", Task.BINARY) is Exactness.CONSTANT


def test_the_features_that_matter_come_first():
    explained = explain(make_model("lightgbm", "native", Task.REGRESSION), make_rows(3)[0])
    assert {explained.features.columns[place] for place in explained.rank_features()[:2]} == {"age", "make_fuel"}


def test_sampled_values_are_near_the_shapley_values_of_all_orders():
    """Of a product of three features, worked out over all subsets with the same background."""
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(8, 3)), columns=list("abc"))
    rows = pd.DataFrame([[1.0, 2.0, 3.0]] * 200, columns=list("abc"))

    def answer(asked):
        return (asked["a"] * asked["b"] + asked["c"] * asked["a"]).to_numpy()[:, None]

    def expect(known):
        return answer(table.assign(**{name: rows.iloc[0][name] for name in known})).mean()

    sampled, base = explain_by_permutation(answer, rows, table, seed=1)
    assert base[0] == pytest.approx(expect(""))
    for place, name in enumerate("abc"):
        others = [one for one in "abc" if one != name]
        subsets = [[], *([one] for one in others), others]
        exact = sum(
            factorial(len(one)) * factorial(2 - len(one)) / 6 * (expect([*one, name]) - expect(one)) for one in subsets
        )
        assert sampled[:, place, 0].mean() == pytest.approx(exact, abs=0.15)


def test_sampled_values_are_seeded():
    model = make_model("knn", "spelling", Task.MULTICLASS)
    rows, classes = make_rows(3, 4)[0], CLASSES[Task.MULTICLASS]
    one, again, other = (mix_contributions({"a": model}, {"a": 1.0}, rows, classes, 60, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.values, again.values)
    assert not np.array_equal(one.values, other.values)


def test_time_ends_sampling_after_its_first_row():
    model = make_model("knn", "target", Task.BINARY)
    explained = mix_contributions({"a": model}, {"a": 1.0}, make_rows(3)[0], ("0", "1"), seconds=1e-9)
    assert len(explained.values) == len(explained.features) == 1


def test_large_models_get_fewer_rows():
    small, sampled = make_model("linear", "onehot", Task.BINARY), make_model("knn", "target", Task.BINARY)
    assert count_rows([small], 4, 300) == 300
    assert count_rows([small, sampled], 4, 300) == 100
    assert count_rows([small, sampled], 99, 300) == 12


def test_columns_of_a_request_are_taken_by_name():
    model = make_model("linear", "onehot", Task.BINARY)
    rows = make_rows(3, 20)[0]
    shuffled = rows[["make_fuel", "worth", "age", "make"]].assign(unknown=1.0)
    one, other = explain(model, rows), explain(model, shuffled)
    assert not other.values[:, -1].any()
    np.testing.assert_array_equal(one.values, other.values[:, [2, 1, 3, 0]])
