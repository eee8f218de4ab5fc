"""Reference models and the domain classifier: a changed relation is no change of inputs, and broken pairs are found."""

import numpy as np
import pandas as pd
import pytest

from pointsman.common.task import Task
from pointsman.pipeline.drift.concept import Relation
from pointsman.pipeline.drift.domain_classifier import LEAST_ROWS, measure_joint_drift
from pointsman.pipeline.drift.reference_models import (
    LEAST_JUDGED,
    LEAST_TO_SPLIT,
    RECENT,
    compare_relations,
    split_history,
)

ROWS = 400
CLASSES = {Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}


def make_batch(random, task, flip=False, shift=0.0, rows=ROWS):
    features = pd.DataFrame(
        {
            "worth": random.normal(shift, 1, rows),
            "age": random.normal(0, 1, rows),
            "make": pd.Series(random.choice(["x", "y"], rows), dtype="str"),
        }
    )
    hidden = (-1 if flip else 1) * 1.5 * features["worth"].to_numpy() + random.normal(0, 1, rows)
    if task is Task.REGRESSION:
        return features, hidden
    return features, np.digitize(hidden, [0.0] if task is Task.BINARY else [-1.0, 1.0]).astype(float)


def compare(task, count=6, seed=0, **newest):
    random = np.random.default_rng(seed)
    batches = [make_batch(random, task, **(newest if place == count - 1 else {})) for place in range(count)]
    features = pd.concat([one for one, _ in batches], ignore_index=True)
    numbers = np.repeat(np.arange(1, count + 1), [len(target) for _, target in batches])
    target = np.concatenate([target for _, target in batches])
    return compare_relations(features, target, numbers, task, CLASSES[task], 3)


def most(found):
    """How many standard errors the farthest deviation lies off."""
    return max(abs(one.estimate) / one.error for _, one in found)


@pytest.mark.parametrize("task", list(Task))
def test_a_relation_that_turned_round_is_found_and_moved_inputs_are_not(task):
    assert most(compare(task)) < 4
    assert most(compare(task, flip=True)) > 8
    assert most(compare(task, shift=0.7)) < 5


def test_a_slope_that_turned_round_is_a_slope():
    slopes = [one for _, one in compare(Task.BINARY, flip=True) if one.relation is Relation.SLOPE]
    assert all(one.estimate < -0.5 for one in slopes)


def test_there_are_two_witnesses_once_history_is_long_enough():
    short, long = RECENT + LEAST_TO_SPLIT, RECENT + 1 + LEAST_TO_SPLIT
    assert {reference_model for reference_model, _ in compare(Task.BINARY, short)} == {0}
    assert {reference_model for reference_model, _ in compare(Task.BINARY, long)} == {0, 1}
    assert compare(Task.BINARY, RECENT + 1) == []


@pytest.mark.parametrize("count", range(14))
def test_no_witness_learns_what_it_judges_and_no_batch_has_two(count):
    numbers = np.arange(1, count + 1)
    parts = [part.tolist() for part in split_history(numbers)]
    assert sorted(batch for part in parts for batch in part) == numbers[: max(0, count - RECENT - 1)].tolist()
    assert parts == sorted(parts, reverse=True)


def test_a_class_that_no_witness_knows_is_a_deviation_and_no_error():
    random = np.random.default_rng(0)
    batches = [make_batch(random, Task.MULTICLASS) for _ in range(6)]
    features = pd.concat([one for one, _ in batches], ignore_index=True)
    target = np.concatenate([one.clip(max=1) for _, one in batches])
    numbers = np.repeat(np.arange(6), ROWS)
    target[-ROWS // 2 :] = 2
    found = compare_relations(features, target, numbers, Task.MULTICLASS, CLASSES[Task.MULTICLASS], 3)
    (new,) = [one for _, one in found if one.label == "c" and one.relation is Relation.LEVEL]
    assert new.estimate > 0
    assert all(np.isfinite([one.estimate, one.error]).all() for _, one in found)


def test_history_of_one_class_alone_has_no_witness():
    features, _ = make_batch(np.random.default_rng(0), Task.BINARY, rows=600)
    numbers = np.repeat(np.arange(6), 100)
    target = (numbers == 5).astype(float)
    assert compare_relations(features, target, numbers, Task.BINARY, CLASSES[Task.BINARY], 3) == []


@pytest.mark.parametrize("task", list(Task))
def test_cells_that_are_all_missing_and_batches_of_few_rows_break_nothing(task):
    random = np.random.default_rng(0)
    sizes = [200, 1, 2, 200, 3, 200, 40]
    batches = [make_batch(random, task, rows=rows) for rows in sizes]
    features = pd.concat([one for one, _ in batches], ignore_index=True)
    features["worth"] = np.nan
    features["make"] = pd.Series(None, index=features.index, dtype="str")
    target = np.concatenate([target for _, target in batches])
    found = compare_relations(features, target, np.repeat(np.arange(7), sizes), task, CLASSES[task], 3)
    assert all(np.isfinite([one.estimate, one.error]).all() for _, one in found)


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_a_batch_of_few_rows_is_not_compared_and_no_yardstick(task):
    assert compare(task, rows=LEAST_JUDGED - 1) == []
    assert compare(task, rows=LEAST_JUDGED) != []


def test_the_same_batches_are_compared_alike():
    assert compare(Task.BINARY, 5) == compare(Task.BINARY, 5)


def draw_pairs(random, rows, correlation):
    pairs = random.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], rows)
    return pd.DataFrame(pairs, columns=["a", "b"])


def test_pairs_that_no_longer_fit_are_found_though_every_column_is_as_before():
    random = np.random.default_rng(0)
    learned = draw_pairs(random, 2_000, 0.9)
    broken = pd.DataFrame({name: random.permutation(learned[name]) for name in learned})
    assert measure_joint_drift(learned, broken, 1).by_chance < 1e-6
    assert measure_joint_drift(learned, draw_pairs(random, 1_000, 0.9), 1).by_chance > 0.001


def test_chance_alone_scores_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    pairs = [(draw_pairs(random, 400, 0.5), draw_pairs(random, 100, 0.5)) for _ in range(24)]
    found = [measure_joint_drift(*pair, seed) for seed, pair in enumerate(pairs)]
    assert all(one.score >= 0 for one in found)
    assert sum(one.by_chance < 0.05 for one in found) <= 5


def test_too_few_rows_or_no_known_cell_cannot_be_told_apart():
    rows = draw_pairs(np.random.default_rng(0), 500, 0.0)
    assert measure_joint_drift(rows, rows.head(LEAST_ROWS - 1), 1) is None
    assert measure_joint_drift(rows.head(0), rows, 1) is None
    nothing = pd.DataFrame({"a": [np.nan] * 200})
    assert measure_joint_drift(nothing, nothing, 1) is None
    levels = rows.assign(c=pd.Series(["only in one place"] * 250 + [None] * 250, dtype="str"))
    assert np.isfinite(measure_joint_drift(levels, levels, 1).score)
