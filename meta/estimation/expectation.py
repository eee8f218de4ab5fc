"""The expected metric of unlabelled rows, from calibrated outputs: losses and the confusion are expectations by row.

Source of the method: confidence-based performance estimation, as for instance in Bialek et al. (2024), "Estimating
Model Performance Under Covariate Shift Without Labels".
"""

from collections.abc import Callable

import numpy as np

from pointsman.common.metrics import EPSILON, METRICS, decide_classes
from pointsman.common.task import Task

LOSSES = frozenset({"log_loss", "brier", "rmse", "mae"})
"""Metrics that are positive and best at 0; their errors are taken as ratios."""
RANKED = frozenset({"roc_auc", "average_precision"})


def expect(measure: str, task: Task, outputs: np.ndarray, calibrated: np.ndarray, threshold: float) -> float:
    """Return a metric's expectation for rows; NaN where it is undefined for them.

    ``outputs`` and ``calibrated`` are (n_rows, n_classes) probabilities, given and corrected; of a regression,
    ``outputs`` (n_rows, 1) are numbers and ``calibrated`` (n_rows, 2) the expected squared and absolute errors.
    """
    if not len(outputs):
        return np.nan
    if not task.is_classification:
        return _of_errors(measure, outputs[:, 0], calibrated)
    if measure == "log_loss":
        return float(-(calibrated * np.log(np.clip(outputs, EPSILON, 1.0))).sum(axis=1).mean())
    if measure == "macro_f1":
        decided = outputs.argmax(axis=1)
        shares = [
            _f1(calibrated[:, code], decided == code)
            for code in range(calibrated.shape[1])
            if calibrated[:, code].sum() >= 0.5  # the metric averages over the classes that occur
        ]
        return float(np.mean(shares)) if shares else np.nan
    decided = decide_classes(task, outputs, threshold)
    if measure == "accuracy":
        return float(calibrated[np.arange(len(decided)), decided].mean())
    return float(_OF_TWO[measure](outputs[:, -1], calibrated[:, -1], decided == 1))


def realise(measure: str, task: Task, target: np.ndarray, outputs: np.ndarray, threshold: float) -> float:
    """Return the metric that labels (n_rows,) show; NaN where it is undefined for them.

    Metrics of ranks are computed as by ``expect``, with labels that are certain: the same number as the metric's own
    function gives, but faster.
    """
    if measure in RANKED:
        return expect(measure, task, outputs, np.column_stack([1 - target, target]), threshold)
    return float(METRICS[measure].compute(target, outputs, threshold))


def _of_errors(measure: str, predicted: np.ndarray, calibrated: np.ndarray) -> float:
    square, size = calibrated.mean(axis=0)
    if measure == "mae":
        return float(size)
    if measure == "rmse":
        return float(np.sqrt(square))
    spread = predicted.var() + square
    return float(1 - square / spread) if spread > 0 and len(predicted) > 1 else np.nan


def _brier(positive: np.ndarray, truth: np.ndarray, _decided: np.ndarray) -> float:
    return float((truth * (1 - positive) ** 2 + (1 - truth) * positive**2).mean())


def _roc_auc(positive: np.ndarray, truth: np.ndarray, _decided: np.ndarray) -> float:
    """Return the chance that of two rows, an expected positive and a negative one, the first has the higher output."""
    hits, misses = _count_by_output(positive, truth)
    # A row in doubt counts in part on both sides, but it makes no pair with itself.
    before = np.cumsum(misses) - misses / 2
    paired_with_itself = (truth * (1 - truth)).sum()
    pairs = truth.sum() * (1 - truth).sum() - paired_with_itself
    return float((hits * before).sum() - paired_with_itself / 2) / float(pairs) if pairs > 1e-9 else np.nan


def _average_precision(positive: np.ndarray, truth: np.ndarray, _decided: np.ndarray) -> float:
    hits, misses = (counts[::-1] for counts in _count_by_output(positive, truth))
    found, seen = np.cumsum(hits), np.cumsum(hits + misses)
    return float((hits * found / seen).sum() / hits.sum()) if hits.sum() > 0 else np.nan


def _count_by_output(positive: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected positives and negatives at each distinct output, lowest first."""
    _, place = np.unique(positive, return_inverse=True)
    return np.bincount(place, weights=truth), np.bincount(place, weights=1 - truth)


def _precision(_positive: np.ndarray, truth: np.ndarray, decided: np.ndarray) -> float:
    return float(truth[decided].mean()) if decided.any() else np.nan


def _recall(_positive: np.ndarray, truth: np.ndarray, decided: np.ndarray) -> float:
    return float(truth[decided].sum() / truth.sum()) if truth.sum() > 0 else np.nan


def _f1(truth: np.ndarray, decided: np.ndarray) -> float:
    counted = truth.sum() + decided.sum()
    return float(2 * truth[decided].sum() / counted) if counted > 0 else np.nan


_OF_TWO: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "brier": _brier,
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "precision": _precision,
    "recall": _recall,
    "f1": lambda _positive, truth, decided: _f1(truth, decided),
}
