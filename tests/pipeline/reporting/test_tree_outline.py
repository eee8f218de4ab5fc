"""Trees in words: the rows that a drawn node counts are those that its words describe, whatever the encoding."""

import operator

import numpy as np
import pytest
from made_state import make_model, make_rows

from pointsman.common.task import Task
from pointsman.model_zoo.encoded_columns import list_columns
from pointsman.model_zoo.tree_outline import find_typical_tree, outline_booster, outline_forest


@pytest.mark.parametrize("variant", ["target", "onehot", "native", "spelling"])
def test_columns_are_named_by_their_features(variant):
    model = make_model("lightgbm" if variant == "native" else "linear", variant, Task.BINARY)
    columns = list_columns(model.encoder)
    assert tuple(column.feature for column in columns) == model.encoder.origins
    if variant == "onehot":
        encoded = model.encoder.encode(make_rows()[0]).values
        place = [column.name for column in columns].index("make_fuel = gas")
        assert np.array_equal(encoded[:, place] == 1, (make_rows()[0]["make_fuel"] == "gas").to_numpy())
        assert "make_fuel is missing" in [column.name for column in columns]
        assert "age is missing" in [column.name for column in columns]


def holds(asked, rows):
    """Which rows a question is true of, read from its words."""
    if " ≤ " in asked:
        feature, _, threshold = asked.partition(" ≤ ")
        return rows[feature] <= float(threshold.split(",")[0])
    feature, _, levels = asked.partition(" is ")
    negated = levels.startswith("not ")
    named = levels.removeprefix("not ").split(", ")
    return ~rows[feature].isin(named) if negated else rows[feature].isin(named)


@pytest.mark.parametrize("variant", ["target", "onehot"])
def test_a_forest_s_question_is_true_of_as_many_rows_as_go_on(variant):
    model = make_model("tree", variant, Task.BINARY)
    rows = make_rows()[0]
    root = outline_forest(model.estimator.learned, 0, list_columns(model.encoder), 2)
    assert root.asked.startswith("make_fuel is")
    known = rows[rows["make_fuel"].notna()]
    encoded = model.encoder.encode(known).values
    forest = model.estimator.learned
    left = encoded[:, forest.feature[0]] <= forest.threshold[0]
    assert np.array_equal(holds(root.asked, known).to_numpy(), left)
    assert root.share == 1.0
    assert root.yes.share + root.no.share == pytest.approx(1.0)


def test_splits_below_what_is_drawn_are_counted():
    model = make_model("tree", "onehot", Task.REGRESSION)
    forest, columns = model.estimator.learned, list_columns(model.encoder)

    def count(node):
        return node.hidden + (1 + count(node.yes) + count(node.no) if node.asked else 0)

    splits = int((forest.left >= 0).sum())
    assert [count(outline_forest(forest, 0, columns, depth)) for depth in (0, 1, 3, 20)] == [splits] * 4


def test_the_first_tree_of_boosting_is_drawn_with_its_levels():
    model = make_model("lightgbm", "native", Task.BINARY)
    root = outline_booster(model.estimator.learned.booster, list_columns(model.encoder), 3)
    told, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        told.append(node.asked)
        waiting += [side for side in (node.yes, node.no) if side]
    assert any(asked.startswith("make_fuel is") and "gas" in asked for asked in told)
    assert root.yes.share + root.no.share == pytest.approx(1.0, abs=0.02)


def test_the_typical_tree_is_the_one_nearest_to_the_mean():
    model = make_model("extra_trees", "target", Task.REGRESSION)
    forest = model.estimator.learned
    values = model.encoder.encode(make_rows(4)[0]).values
    votes = np.stack([forest.vote(row[None])[:, 0, 0] for row in values])
    away = {place: float(np.square(votes[:, place] - votes.mean(axis=1)).sum()) for place in range(len(forest))}
    assert find_typical_tree(forest, values) == min(away.items(), key=operator.itemgetter(1))[0]
