"""Standard errors of linear coefficients: those of the textbook, and as often right as they say."""

import numpy as np
import pytest

from pointsman.common.task import Task
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.linear_intervals import compute_errors

ROWS, TRUE = 400, np.array([0.8, -0.5, 0.0])
LINEAR = get_family("linear")


def fit(seed, task, penalty=1e-3):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(ROWS, 3)).astype(np.float32)
    values /= values.std(axis=0)  # so that the model scales nothing
    middle = values @ TRUE
    if task is Task.REGRESSION:
        target = middle + 0.7 * generator.normal(size=ROWS)
    else:
        target = (generator.random(ROWS) < 1 / (1 + np.exp(-middle))).astype(float)
    estimator = LINEAR.fit(
        EncodedTable(values, ("a", "b", "c")), target, task=task, n_classes=2, params={"l2_penalty": penalty}, seed=1
    )
    return values.astype(float), target, estimator.learned


def test_errors_of_a_regression_are_those_of_least_squares():
    values, _, learned = fit(0, Task.REGRESSION, penalty=1e-9)
    design = np.column_stack([(values - learned.scaling.center) / learned.scaling.scale, np.ones(ROWS)])
    found = compute_errors(learned, 1e-9, noise=0.49)
    np.testing.assert_allclose(found[0], np.sqrt(0.49 * np.linalg.inv(design.T @ design).diagonal()), rtol=1e-4)


def test_errors_of_classes_are_those_of_maximum_likelihood():
    values, _, learned = fit(0, Task.BINARY, penalty=1e-9)
    design = np.column_stack([(values - learned.scaling.center) / learned.scaling.scale, np.ones(ROWS)])
    chances = 1 / (1 + np.exp(-(design @ np.append(learned.coefficients[0], learned.intercepts))))
    information = design.T @ (design * (chances * (1 - chances))[:, None])
    expected = np.sqrt(np.linalg.inv(information).diagonal())
    np.testing.assert_allclose(compute_errors(learned, 1e-9, None)[0, :3], expected[:3], rtol=1e-3)


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_nineteen_of_twenty_intervals_hold_the_truth(task):
    held = []
    for seed in range(150):
        _, _, learned = fit(seed, task)
        errors = compute_errors(learned, 1e-3, 0.49 if task is Task.REGRESSION else None)[0, :3]
        sizes = learned.coefficients[0] / learned.scaling.scale
        held += (np.abs(sizes - TRUE) <= 1.96 * errors / learned.scaling.scale).tolist()
    assert np.mean(held) == pytest.approx(0.95, abs=0.035)
