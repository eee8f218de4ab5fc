"""CatBoost's trees in words are its trees: levels ask what they say, shares and answers are those of the leaves."""

import numpy as np
import pytest

from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.encoded_columns import list_columns
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.fitting import fit_model
from pointsman.model_zoo.symmetric_outline import describe_question, outline_symmetric, weigh_questions

pytest.importorskip("catboost")
pd = pytest.importorskip("pandas")


@pytest.fixture(scope="module", params=["native", "target"])
def fitted(request):
    """A model of 400 rows whose target follows a level and a number, its columns, and the rows as it encodes them."""
    generator = np.random.default_rng(4)
    rows = pd.DataFrame(
        {
            "age": generator.normal(40, 10, 400),
            "make": pd.Series(generator.choice(["a", "b", "c", "d"], 400), dtype="str"),
            "noise": generator.normal(size=400),
        }
    )
    target = (2.0 * rows["make"].isin(["a", "c"]) + rows["age"] / 10 + generator.normal(0, 0.1, 400)).to_numpy()
    candidate = Candidate("catboost", request.param, dict(get_family("catboost").default_params(Task.REGRESSION)))
    model = fit_model(candidate, rows, target, Task.REGRESSION, (), seed=1)
    return model, list_columns(model.encoder), rows


def test_a_tree_parts_the_rows_as_its_leaves_do(fitted):
    model, columns, _ = fitted
    trees = model.estimator.learned
    root = outline_symmetric(trees, 0, columns, depth=3)
    _, _, leaves, weights = next(trees.list_trees())
    assert root.share == pytest.approx(1.0)
    assert root.answer == pytest.approx(np.average(leaves[:, 0], weights=np.maximum(weights, 1e-6)))
    assert root.yes.asked == root.no.asked, "a level asks one question"
    assert root.yes.share + root.no.share == pytest.approx(1.0)


def test_questions_about_levels_and_numbers_are_true_of_the_rows_they_name(fitted):
    model, columns, rows = fitted
    trees = model.estimator.learned
    derived = trees.derive(model.encoder.encode(rows).values)
    seen = set()
    for asked, thresholds, _, _ in list(trees.list_trees())[:40]:
        for place, threshold in zip(asked.tolist(), thresholds.tolist(), strict=True):
            words = describe_question(trees, place, threshold, columns)
            above = derived[:, place] > threshold
            if " > " in words:
                name, _, border = words.partition(" > ")
                near = np.isclose(rows[name], float(border.replace(",", "")), rtol=1e-3, atol=1e-3)
                assert ((rows[name] > float(border.replace(",", ""))) == above)[~near].all()
                seen.add("number")
            elif words.startswith("make is ") and "missing" not in words:
                named = words.removeprefix("make is ")
                inside = rows["make"].isin(named.removeprefix("not ").split(", ")).to_numpy()
                assert ((~inside if named.startswith("not ") else inside) == above).all()
                seen.add("level")
    assert seen == {"number", "level"}


def test_what_matters_is_worth_more_than_noise(fitted):
    model, columns, _ = fitted
    worth = pd.DataFrame(list(weigh_questions(model.estimator.learned, columns)), columns=["feature", "worth"])
    sums = worth.groupby("feature")["worth"].sum()
    assert (sums >= 0).all()
    assert sums["noise"] < 0.05 * sums.sum()
    assert min(sums["age"], sums["make"]) > 0.2 * sums.sum()
