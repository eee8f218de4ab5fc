"""The one scale on which losses are compared: by which share the loss was lower than another's on the same rows.

A loss is the mean log-loss of a row where classes are predicted, and the root of the mean squared error, in the unit of
the target, where numbers are. Means are taken over all rows that are pooled, before the root and before the share, so
that small batches count no more than their rows. Above 0 is better.
"""

from collections.abc import Sequence
from math import sqrt

from pointsman.common.task import Task


def to_unit(mean: float, task: Task) -> float:
    """Return a mean row loss in the unit that readers see: the root of squared errors, log-loss as it is.

    >>> to_unit(9.0, Task.REGRESSION), to_unit(0.25, Task.BINARY)
    (3.0, 0.25)
    """
    return mean if task.is_classification else sqrt(max(mean, 0.0))


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
