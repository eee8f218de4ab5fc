"""Every metric equals scikit-learn's, says which way is better, and is left out where it is undefined."""

import numpy as np
import pytest
from sklearn import metrics as reference

from pointsman.common.errors import ConfigError
from pointsman.common.metrics import (
    METRICS,
    compute_calibration_error,
    compute_metrics,
    compute_row_losses,
    decide_answers,
    decide_classes,
    get_metric,
)
from pointsman.common.task import Task

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
    assert found == pytest.approx(
        {
            "log_loss": reference.log_loss(CODES, TRIPLES),
            "accuracy": reference.accuracy_score(CODES, called),
            "macro_f1": reference.f1_score(CODES, called, average="macro"),
        }
    )
    assert compute_metrics(Task.REGRESSION, NUMBERS, GUESSES) == pytest.approx(
        {
            "rmse": reference.root_mean_squared_error(NUMBERS, GUESSES),
            "mae": reference.mean_absolute_error(NUMBERS, GUESSES),
            "r2": reference.r2_score(NUMBERS, GUESSES),
        }
    )


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda one: one.name)
def test_a_better_answer_is_better_by_its_direction(metric):
    task = next(iter(metric.tasks))
    target, poor = {
        Task.BINARY: (BINARY, PAIRS[::-1]),
        Task.MULTICLASS: (CODES, TRIPLES),
        Task.REGRESSION: (NUMBERS, GUESSES),
    }[task]
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


@pytest.mark.parametrize(
    ("name", "task"), [("rmse", Task.BINARY), ("roc_auc", Task.MULTICLASS), ("accuracy", Task.REGRESSION)]
)
def test_a_metric_of_another_task_is_refused(name, task):
    with pytest.raises(ConfigError, match=rf"'metric' is '{name}', which is not defined for task {task}"):
        get_metric(name, task)


def test_auto_is_the_log_loss_of_any_number_of_classes():
    assert {get_metric("auto", task).name for task in (Task.BINARY, Task.MULTICLASS)} == {"log_loss"}


def test_only_a_binary_answer_hangs_on_the_threshold():
    assert decide_classes(Task.BINARY, np.array([[0.3, 0.7]]), 0.8).tolist() == [0]
    assert decide_classes(Task.MULTICLASS, np.array([[0.3, 0.7]]), 0.8).tolist() == [1]
    assert decide_classes(Task.BINARY, np.array([[1.0]]), 0.8).tolist() == [0]  # one class was met so far


def test_macro_f1_is_the_mean_over_classes_that_occur():
    some = CODES[CODES < 2]
    predicted = TRIPLES[CODES < 2]
    expected = reference.f1_score(some, predicted.argmax(axis=1), labels=[0, 1], average="macro")
    assert compute_metrics(Task.MULTICLASS, some, predicted)["macro_f1"] == pytest.approx(expected)


def test_rows_of_a_regression_lose_the_square_and_equal_targets_have_no_r2():
    same = np.full(3, 2.0)
    assert compute_row_losses(Task.REGRESSION, same, np.array([2.0, 5.0, -1.0])).tolist() == [0, 9, 9]
    assert compute_metrics(Task.REGRESSION, same, same + 1) == {"rmse": 1.0, "mae": 1.0}


def test_numbers_may_stand_in_a_column_as_outputs_hold_them():
    """Every metric and the row losses are the very same, to the last bit, as of numbers (n_rows,)."""
    target, numbers = GENERATOR.normal(size=(2, 50))
    outputs = np.asfortranarray(np.column_stack([numbers, numbers]))[:, :1]
    losses = [compute_row_losses(Task.REGRESSION, target, one) for one in (numbers, outputs)]
    assert losses[0].tobytes() == losses[1].tobytes()
    assert compute_metrics(Task.REGRESSION, target, numbers) == compute_metrics(Task.REGRESSION, target, outputs)
    assert decide_answers(Task.REGRESSION, outputs, 0.5).tobytes() == numbers.tobytes()


def test_calibration_error_is_counted_in_bins_of_equal_size():
    ranked = np.argsort(SHARES).reshape(10, -1)
    expected = np.abs(BINARY[ranked].mean(axis=1) - SHARES[ranked].mean(axis=1)).mean()
    assert compute_calibration_error(BINARY, PAIRS) == pytest.approx(expected)  # two classes: both err alike
    assert compute_calibration_error(BINARY[:3], PAIRS[:3]) == pytest.approx(np.abs(BINARY - SHARES)[:3].mean())
