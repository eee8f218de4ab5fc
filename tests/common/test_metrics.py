"""Every metric equals scikit-learn's, says which way is better, and is left out where it is undefined."""

import numpy as np
import pytest
from sklearn import metrics as reference

from common.errors import ConfigError
from common.metrics import METRICS, compute_calibration_error, compute_metrics, compute_row_losses, get_metric
from common.task import Task

GENERATOR = np.random.default_rng(5)
ROWS = 500
BINARY = (GENERATOR.random(ROWS) < 0.3).astype(float)
SHARES = np.clip(0.3 * BINARY + 0.6 * GENERATOR.random(ROWS), 0.01, 0.99)
PAIRS = np.column_stack([1 - SHARES, SHARES])
CODES = GENERATOR.integers(0, 3, ROWS).astype(float)
TRIPLES = GENERATOR.dirichlet([1, 1, 1], ROWS)
NUMBERS = GENERATOR.normal(size=ROWS)
GUESSES = NUMBERS + GENERATOR.normal(size=ROWS)
THRESHOLD = 0.45
CALLED = (SHARES >= THRESHOLD).astype(int)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("log_loss", reference.log_loss(BINARY, SHARES)),
        ("brier", reference.brier_score_loss(BINARY, SHARES)),
        ("roc_auc", reference.roc_auc_score(BINARY, SHARES)),
        ("average_precision", reference.average_precision_score(BINARY, SHARES)),
        ("f1", reference.f1_score(BINARY, CALLED)),
        ("precision", reference.precision_score(BINARY, CALLED)),
        ("recall", reference.recall_score(BINARY, CALLED)),
        ("accuracy", reference.accuracy_score(BINARY, CALLED)),
    ],
)
def test_binary_metrics_equal_the_reference(name, expected):
    assert compute_metrics(Task.BINARY, BINARY, PAIRS, THRESHOLD)[name] == pytest.approx(expected)


def test_multiclass_and_regression_metrics_equal_the_reference():
    found = compute_metrics(Task.MULTICLASS, CODES, TRIPLES)
    called = TRIPLES.argmax(axis=1)
    assert found == pytest.approx({
        "log_loss": reference.log_loss(CODES, TRIPLES),
        "accuracy": reference.accuracy_score(CODES, called),
        "macro_f1": reference.f1_score(CODES, called, average="macro"),
    })  # fmt: skip
    assert compute_metrics(Task.REGRESSION, NUMBERS, GUESSES) == pytest.approx({
        "rmse": reference.root_mean_squared_error(NUMBERS, GUESSES),
        "mae": reference.mean_absolute_error(NUMBERS, GUESSES),
        "r2": reference.r2_score(NUMBERS, GUESSES),
    })  # fmt: skip


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda one: one.name)
def test_a_better_answer_is_better_by_its_direction(metric):
    task = next(iter(metric.tasks))
    target, poor = {
        Task.BINARY: (BINARY, PAIRS[::-1]), Task.MULTICLASS: (CODES, TRIPLES), Task.REGRESSION: (NUMBERS, GUESSES)
    }[task]  # fmt: skip
    best = NUMBERS if task is Task.REGRESSION else np.eye(poor.shape[1])[target.astype(int)]
    good, bad = metric.compute(target, best, 0.5), metric.compute(target, poor, 0.5)
    assert metric.to_loss(good) < metric.to_loss(bad)
    assert (good > bad) == metric.higher_is_better


def test_what_rows_cannot_support_is_left_out():
    found = compute_metrics(Task.BINARY, np.zeros(5), np.full((5, 2), 0.5))
    assert set(found) == {"log_loss", "brier", "precision", "accuracy"}


def test_a_sure_mistake_costs_a_finite_loss():
    losses = compute_row_losses(Task.BINARY, np.array([1.0]), np.array([[1.0, 0.0]]))
    assert losses[0] == pytest.approx(13.8, abs=0.1)


def test_calibration_error_is_small_for_true_shares_and_grows_with_the_bias():
    target = (GENERATOR.random(ROWS) < SHARES).astype(float)
    honest = compute_calibration_error(target, PAIRS)
    pushed = np.clip(SHARES + 0.3, 0, 1)
    assert honest < 0.1
    assert compute_calibration_error(target, np.column_stack([1 - pushed, pushed])) > 0.2


def test_an_unknown_metric_names_those_that_fit():
    with pytest.raises(ConfigError, match=r"'metric' is 'auc'.*roc_auc"):
        get_metric("auc", Task.BINARY)
    assert get_metric("auto", Task.REGRESSION).name == "rmse"
