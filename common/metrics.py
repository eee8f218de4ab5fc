"""Metrics and row losses: what each is called, which way is better and for which tasks it is defined."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pointsman.common.errors import ConfigError
from pointsman.common.task import Task

EPSILON = 1e-6
"""Probabilities are held this far from 0 and 1, so that one sure mistake costs a finite loss (about 14)."""


@dataclass(frozen=True)
class Metric:
    """A named metric of predictions. ``compute(target, predicted, threshold)`` returns NaN where it is undefined.

    ``predicted`` is shaped as for ``compute_row_losses``.

    ``of_decisions`` says whether a binary one judges decisions, so that it depends on the threshold.
    """

    name: str
    tasks: frozenset[Task]
    higher_is_better: bool
    compute: Callable[[np.ndarray, np.ndarray, float], float]
    of_decisions: bool = False

    def to_loss(self, observed: float) -> float:
        """Return the metric turned so that lower is better."""
        return -observed if self.higher_is_better else observed


def compute_row_losses(task: Task, target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the loss of every row (n_rows,): log-loss of the true class, or the squared error.

    ``target`` holds class codes or numbers; ``predicted`` is (n_rows, n_classes), of a regression (n_rows, 1) or
    (n_rows,).

    >>> compute_row_losses(Task.REGRESSION, np.array([1.0, 2.0]), np.array([[1.0], [5.0]])).tolist()
    [0.0, 9.0]
    """
    if not task.is_classification:
        return (target - _flatten(predicted)) ** 2
    of_truth = predicted[np.arange(len(target)), target.astype(int)]
    return -np.log(np.clip(of_truth, EPSILON, 1.0))


def decide_answers(task: Task, outputs: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Return what is answered (n_rows,) for outputs (n_rows, n_outputs): class codes, or the numbers of a regression.

    ``threshold`` is one for all rows or one a row (n_rows,).

    >>> decide_answers(Task.BINARY, np.array([[0.4, 0.6], [0.4, 0.6]]), np.array([0.5, 0.7])).tolist()
    [1, 0]
    """
    return decide_classes(task, outputs, threshold) if task.is_classification else _flatten(outputs)


def decide_classes(task: Task, predicted: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Return class codes (n_rows,): the likeliest class or, for two, the second from ``threshold`` on."""
    if task is Task.BINARY and predicted.shape[1] == 2:
        return (predicted[:, 1] >= threshold).astype(int)
    return predicted.argmax(axis=1)


def compute_metrics(task: Task, target: np.ndarray, predicted: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """Return every metric defined for ``task`` by name; one that the rows cannot support is left out."""
    observed = {
        name: metric.compute(target, predicted, threshold) for name, metric in METRICS.items() if task in metric.tasks
    }
    return {name: float(number) for name, number in observed.items() if np.isfinite(number)}


def compute_calibration_error(target: np.ndarray, predicted: np.ndarray, bins: int = 10) -> float:
    """Return the expected calibration error: how far shares lie from probabilities, on average over rows.

    ``target`` (n_rows,) holds class codes, ``predicted`` (n_rows, n_classes) probabilities. Rows are put into bins of
    equal size by the probability of a class; the error is the mean over classes. Source: Naeini et al. (2015), with
    quantile bins.

    >>> compute_calibration_error(np.array([0, 1, 0, 1]), np.full((4, 2), 0.5), bins=1)
    0.0
    """
    errors = []
    for code in range(predicted.shape[1]):
        order = np.argsort(predicted[:, code], kind="stable")
        blocks = np.array_split(order, min(bins, len(order)))
        gaps = [abs((target[block] == code).mean() - predicted[block, code].mean()) * len(block) for block in blocks]
        errors.append(sum(gaps) / len(target))
    return float(np.mean(errors))


def get_metric(name: str, task: Task) -> Metric:
    """Return the metric the configuration names; 'auto' is log-loss, or RMSE for a regression.

    Raises ConfigError where it is unknown or not defined for the task.
    """
    if name == "auto":
        name = "log_loss" if task.is_classification else "rmse"
    fitting = [metric.name for metric in METRICS.values() if task in metric.tasks]
    if name not in fitting:
        known = ", ".join(fitting)
        raise ConfigError(f"The key 'metric' is '{name}', which is not defined for task {task}; use one of {known}.")
    return METRICS[name]


def _flatten(predicted: np.ndarray) -> np.ndarray:
    """Return a regression's predictions as (n_rows,): models give them so, outputs hold them as (n_rows, 1)."""
    return predicted.reshape(len(predicted))


def _log_loss(target: np.ndarray, predicted: np.ndarray, _threshold: float) -> float:
    return float(compute_row_losses(Task.MULTICLASS, target, predicted).mean())


def _brier(target: np.ndarray, predicted: np.ndarray, _threshold: float) -> float:
    return float(((predicted[:, -1] - target) ** 2).mean())


def _roc_auc(target: np.ndarray, predicted: np.ndarray, _threshold: float) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(target, predicted[:, -1])) if len(np.unique(target)) == 2 else np.nan


def _average_precision(target: np.ndarray, predicted: np.ndarray, _threshold: float) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(target, predicted[:, -1])) if target.any() else np.nan


def _of_decisions(compute: Callable[[np.ndarray, np.ndarray], float], task: Task) -> Callable[..., float]:
    def compute_from_predictions(target: np.ndarray, predicted: np.ndarray, threshold: float) -> float:
        return compute(target.astype(int), decide_classes(task, predicted, threshold))

    return compute_from_predictions


def _accuracy(target: np.ndarray, decided: np.ndarray) -> float:
    return float((target == decided).mean())


def _precision(target: np.ndarray, decided: np.ndarray) -> float:
    return float(target[decided == 1].mean()) if (decided == 1).any() else np.nan


def _recall(target: np.ndarray, decided: np.ndarray) -> float:
    return float(decided[target == 1].mean()) if (target == 1).any() else np.nan


def _f1(target: np.ndarray, decided: np.ndarray) -> float:
    found = ((target == 1) & (decided == 1)).sum()
    counted = (target == 1).sum() + (decided == 1).sum()
    return float(2 * found / counted) if (target == 1).any() else np.nan


def _macro_f1(target: np.ndarray, decided: np.ndarray) -> float:
    return float(
        np.mean([_f1((target == label).astype(int), (decided == label).astype(int)) for label in np.unique(target)])
    )


def _rmse(target: np.ndarray, predicted: np.ndarray, _threshold: float) -> float:
    return float(np.sqrt(((target - _flatten(predicted)) ** 2).mean()))


def _mae(target: np.ndarray, predicted: np.ndarray, _threshold: float) -> float:
    return float(np.abs(target - _flatten(predicted)).mean())


def _r2(target: np.ndarray, predicted: np.ndarray, _threshold: float) -> float:
    spread = ((target - target.mean()) ** 2).sum()
    return float(1 - ((target - _flatten(predicted)) ** 2).sum() / spread) if spread > 0 else np.nan


_BINARY, _REGRESSION = frozenset({Task.BINARY}), frozenset({Task.REGRESSION})
_MULTICLASS = frozenset({Task.MULTICLASS})

METRICS = {
    metric.name: metric
    for metric in (
        Metric("log_loss", _BINARY | _MULTICLASS, False, _log_loss),
        Metric("brier", _BINARY, False, _brier),
        Metric("roc_auc", _BINARY, True, _roc_auc),
        Metric("average_precision", _BINARY, True, _average_precision),
        Metric("f1", _BINARY, True, _of_decisions(_f1, Task.BINARY), True),
        Metric("precision", _BINARY, True, _of_decisions(_precision, Task.BINARY), True),
        Metric("recall", _BINARY, True, _of_decisions(_recall, Task.BINARY), True),
        Metric("accuracy", _BINARY | _MULTICLASS, True, _of_decisions(_accuracy, Task.BINARY), True),
        Metric("macro_f1", _MULTICLASS, True, _of_decisions(_macro_f1, Task.MULTICLASS)),
        Metric("rmse", _REGRESSION, False, _rmse),
        Metric("mae", _REGRESSION, False, _mae),
        Metric("r2", _REGRESSION, True, _r2),
    )
}
