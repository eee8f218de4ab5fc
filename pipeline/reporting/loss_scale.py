"""The one scale on which losses are compared: by which share the loss was lower than another's on the same rows.

A loss is the mean log-loss of a row where classes are predicted, and the root of the mean squared error, in the unit of
the target, where numbers are. Means are taken over all rows that are pooled, before the root and before the share, so
that small batches count no more than their rows. Above 0 is better.
"""

from collections.abc import Sequence
from math import sqrt

from pointsman.common.task import Task

LOSS = "loss"
"""The stored metric that is the mean row loss."""
ENOUGH = 3
"""Batches from which the spread between them tells what is noise."""


def to_unit(mean: float, task: Task) -> float:
    """Return a mean row loss in the unit that readers see: the root of squared errors, log-loss as it is.

    >>> to_unit(9.0, Task.REGRESSION), to_unit(0.25, Task.BINARY)
    (3.0, 0.25)
    """
    return mean if task.is_classification else sqrt(max(mean, 0.0))


def name_loss(task: Task | None) -> str:
    """Return what the loss of a task is called.

    >>> name_loss(Task.REGRESSION), name_loss(Task.BINARY)
    ('RMSE', 'log-loss')
    """
    return "RMSE" if task is Task.REGRESSION else "log-loss"


def name_unit(task: Task, target: str) -> str:
    """Return what a loss is counted in.

    >>> name_unit(Task.REGRESSION, "cnt"), name_unit(Task.MULTICLASS, "kind")
    ('RMSE, in cnt', 'log-loss a row')
    """
    return "log-loss a row" if task.is_classification else f"RMSE, in {target}"


def measure_gain(own: float, other: float, task: Task) -> float | None:
    """Return by which share a mean row loss is lower than another one; None where the other one is 0.

    >>> measure_gain(0.2, 0.25, Task.BINARY), measure_gain(0.81, 1.0, Task.REGRESSION)
    (0.2, 0.1)
    """
    return round(1 - to_unit(own, task) / to_unit(other, task), 12) if other > 0 else None


def pool(means: Sequence[float], rows: Sequence[int]) -> float:
    """Return the mean over all rows of mean row losses, each of so many rows.

    >>> pool([1.0, 2.0], [1, 3])
    1.75
    """
    return sum(mean * count for mean, count in zip(means, rows, strict=True)) / max(1, sum(rows))


def measure_noise(own: Sequence[float], other: Sequence[float], rows: Sequence[int], task: Task) -> float | None:
    """Return the standard error of the gain by pooled means of batches; None with fewer than ENOUGH batches.

    A gain is one less a ratio of means, of numbers the root of one: its error is that of the ratio's linear part.

    >>> measure_noise([0.5] * 3, [1.0] * 3, [9] * 3, Task.BINARY)
    0.0
    """
    level = pool(other, rows)
    if len(rows) < ENOUGH or level <= 0:
        return None
    ratio = pool(own, rows) / level
    parts = ((count * (one - ratio * two)) ** 2 for one, two, count in zip(own, other, rows, strict=True))
    error = sqrt(sum(parts) * len(rows) / (len(rows) - 1)) / (sum(rows) * level)
    return error if task.is_classification or ratio <= 0 else error / (2 * sqrt(ratio))


def share_noise(error: float, champion: float, root: bool) -> float | None:
    """Return a standard error of mean row losses as a share of a loss, which is shown as the ``root`` of squares.

    >>> share_noise(0.1, 0.5, False), share_noise(0.1, 0.5, True), share_noise(0.1, 0.0, False)
    (0.2, 0.2, None)
    """
    if champion <= 0:
        return None
    return error / (2 * champion**2) if root else error / champion
