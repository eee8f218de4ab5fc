"""Fit metrics: what predictions are worth on learned and on later rows, and the gap between both."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pointsman.common.metrics import METRICS, compute_row_losses, decide_classes
from pointsman.common.task import Task

OVERFIT_MARGIN = 0.1
"""How much more of the target a model may explain on rows it learned than on rows it did not."""
SURELY = 2.33
"""Standard errors of a one-sided confidence of 99 %."""
LEAST_ROWS = 30
"""With fewer rows a standard error says nothing."""
NUMBER_METRICS = ("rmse", "mae", "r2")


@dataclass(frozen=True)
class FitMetrics:
    """Predictions held against the truth.

    metrics:  ``f1``, ``weightedPrecision``, ``weightedRecall`` and ``accuracy``, or ``rmse``, ``mae`` and ``r2``
    constant: the answer to hold them against: class shares, or one mean, of the rows that were learned
    skill:    the share of the target explained: 1 less the loss as a multiple of that of the constant; R2 out of
              sample (Campbell and Thompson 2008), or McFadden's for probabilities. None where the constant never errs
    error:    its standard error
    """

    rows: int
    metrics: Mapping[str, float]
    constant: tuple[float, ...]
    skill: float | None
    error: float | None


@dataclass(frozen=True)
class Gap:
    """By how much the skill on learned rows is above that on others, and whether that is too much."""

    size: float | None
    error: float | None
    overfit: bool


def measure_fit(
    task: Task, target: np.ndarray, predicted: np.ndarray, threshold: float = 0.5, constant: tuple[float, ...] = ()
) -> FitMetrics:
    """Return what predictions (n_rows, n_classes) or (n_rows,) of at least one row are worth.

    ``constant`` is that of the metrics on learned rows; without it the rows are the learned ones.
    """
    constant = constant or fit_constant(task, target, predicted.shape[-1])
    skill, error = compute_skill(task, target, predicted, constant)
    return FitMetrics(len(target), compute_fit_metrics(task, target, predicted, threshold), constant, skill, error)


def compute_fit_metrics(
    task: Task, target: np.ndarray, predicted: np.ndarray, threshold: float = 0.5
) -> dict[str, float]:
    """Return the metrics by which runs are compared with those of other tools.

    Those of a classification are means over classes, weighted by how many rows each has, as scikit-learn and Spark
    compute them; so ``f1`` is another number than that of the positive class, by which thresholds are tuned.

    >>> compute_fit_metrics(Task.BINARY, np.array([0, 0, 1, 1]), np.array([[0.9, 0.1]] * 3 + [[0.2, 0.8]]))
    {'f1': 0.733..., 'weightedPrecision': 0.833..., 'weightedRecall': 0.75, 'accuracy': 0.75}
    """
    if not task.is_classification:
        found = {name: METRICS[name].compute(target, predicted, threshold) for name in NUMBER_METRICS}
        return {name: float(number) for name, number in found.items() if np.isfinite(number)}
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    truth, decided = target.astype(int), decide_classes(task, predicted, threshold)
    precision, recall, f1, _ = precision_recall_fscore_support(truth, decided, average="weighted", zero_division=0)
    return {
        "f1": float(f1),
        "weightedPrecision": float(precision),
        "weightedRecall": float(recall),
        "accuracy": float(accuracy_score(truth, decided)),
    }


def fit_constant(task: Task, target: np.ndarray, n_classes: int) -> tuple[float, ...]:
    """Return the constant with the least loss: smoothed class shares, so that none is 0, or the mean.

    >>> fit_constant(Task.BINARY, np.array([0, 0, 1]), 2)
    (0.625, 0.375)
    """
    if not task.is_classification:
        return (float(target.mean()),)
    counts = np.bincount(target.astype(int), minlength=n_classes) + 0.5
    return tuple((counts / counts.sum()).tolist())


def compute_skill(
    task: Task, target: np.ndarray, predicted: np.ndarray, constant: tuple[float, ...]
) -> tuple[float | None, float | None]:
    """Return the share of the target that predictions explain, and its standard error by the delta method.

    >>> compute_skill(Task.REGRESSION, np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]), (2.0,))
    (1.0, 0.0)
    """
    losses = compute_row_losses(task, target, predicted)
    answers = np.broadcast_to(constant, (len(target), len(constant)))
    least = compute_row_losses(task, target, answers)
    if not np.isfinite(losses).all() or least.mean() <= 0:
        return None, None
    ratio = losses.mean() / least.mean()
    error = np.std(losses - ratio * least) / least.mean() / np.sqrt(len(losses))
    return float(1 - ratio), float(error)


def compare_fits(train: FitMetrics, test: FitMetrics | None) -> Gap:
    """Return how much better a model does on learned rows; surely more than OVERFIT_MARGIN is overfitting.

    Both skills are relative to the constant that was learned, so a batch that is harder for every model alike is no
    overfitting. Where the relation of inputs and target changed, the gap may be the change's.
    """
    if test is None or train.skill is None or test.skill is None or train.error is None or test.error is None:
        return Gap(None, None, False)
    size, error = train.skill - test.skill, float(np.hypot(train.error, test.error))
    enough = min(train.rows, test.rows) >= LEAST_ROWS
    return Gap(size, error, enough and size - SURELY * error > OVERFIT_MARGIN)
