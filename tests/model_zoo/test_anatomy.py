"""What a model says of itself: its steps in the order in which rows go through them, and its size."""

import numpy as np
import pandas as pd
import pytest

from pointsman.common.task import Task
from pointsman.model_zoo.anatomy import dissect
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.estimator import Size
from pointsman.model_zoo.families import FAMILIES
from pointsman.model_zoo.fitting import fit_model, update_model


def make_rows(rows=300, seed=0):
    generator = np.random.default_rng(seed)
    features = pd.DataFrame(
        {
            "worth": generator.normal(size=rows),
            "make": pd.Series(generator.choice([f"M{number}" for number in range(40)], rows), dtype="str"),
        }
    )
    return features, (features["worth"].to_numpy() + generator.normal(0, 0.3, rows) > 0).astype(float)


def fit(family, variant, **params):
    guarded = params.pop("guarded", False)
    known = {**FAMILIES[family].default_params(Task.BINARY), **params}
    candidate = Candidate(family, variant, known, guarded=guarded)
    return fit_model(candidate, *make_rows(), Task.BINARY, ("n", "y"), seed=1)


def test_the_steps_are_in_the_order_of_the_rows():
    model = fit("tree", "target", calibrate=True, guarded=True)
    assert dissect(model).stages == (
        "InputReference",
        "SimpleImputer",
        "StandardScaler",
        "TargetEncoder",
        "StandardScaler",
        "Tree",
        "Calibration",
    )
    assert dissect(fit("lightgbm", "native")).stages == ("OrdinalEncoder", "Boosting")
    assert "SpellingEncoder" in dissect(fit("linear", "spelling")).stages


@pytest.mark.parametrize(
    ("family", "params", "size"),
    [
        ("tree", {"max_depth": 5}, Size(depth=5)),
        ("extra_trees", {"max_depth": 7, "trees": 50}, Size(7, 50)),
        ("lightgbm", {"rounds": 50}, Size(None, 50, 255)),
        ("linear", {}, Size()),
        ("knn", {}, Size()),
        ("prior", {}, Size()),
    ],
)
def test_the_size_is_what_the_family_has(family, params, size):
    assert dissect(fit(family, FAMILIES[family].variants[0], **params)).size == size


def test_catboost_has_all_three():
    if not FAMILIES["catboost"].installed:
        pytest.skip("catboost is not installed")
    size = dissect(fit("catboost", "native", rounds=50, depth=4)).size
    assert (size.depth, size.iterations) == (4, 50)
    assert size.bins


def test_an_update_adds_iterations():
    model = update_model(fit("lightgbm", "native", rounds=50), *make_rows(seed=1), seed=2)
    assert dissect(model).size.iterations == 55


def test_where_nothing_was_learned_the_baseline_is_the_step():
    candidate = Candidate("tree", "onehot", FAMILIES["tree"].default_params(Task.BINARY))
    features, _ = make_rows(40)
    model = fit_model(candidate, features, np.zeros(40), Task.BINARY, ("n", "y"), seed=1)
    assert dissect(model).stages[-1] == "Baseline"
    assert dissect(model).size == Size()
