"""What is known without looking at the inputs: class shares or the mean. Every family falls back to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pointsman.common.task import Task


@dataclass(frozen=True)
class Baseline:
    """Sums over the training rows.

    ``totals`` is (n_classes,) with the weight of every class, or (1,) with the weighted sum of a numeric target.
    ``weight`` is the weight of all rows, ``rows`` their number.
    """

    task: Task
    totals: np.ndarray
    weight: float
    rows: int

    @property
    def shares(self) -> np.ndarray:
        """Class shares (n_classes,) with one imagined row spread evenly over the classes, so that none is zero."""
        return (self.totals + 1 / len(self.totals)) / (self.weight + 1)

    def predict(self, n_rows: int) -> np.ndarray:
        """Return the same answer for every row: shares (n_rows, n_classes), or the mean (n_rows,)."""
        if self.task.is_classification:
            return np.tile(self.shares, (n_rows, 1))
        return np.full(n_rows, self.totals[0] / self.weight)

    def complete(self, probabilities: np.ndarray, classes: Sequence[int]) -> np.ndarray:
        """Return probabilities (n_rows, n_classes) from those of the ``classes`` a model knows.

        A class the model never met keeps its share. The others get one imagined row with their shares mixed in
        (Laplace), so that a pure leaf never calls a class impossible and log-loss stays finite.

        >>> half = Baseline(Task.MULTICLASS, np.array([1.0, 1.0, 0.0]), 2.0, 2)
        >>> half.complete(np.array([[1.0, 0.0]]), (0, 1)).round(3).tolist()
        [[0.741, 0.148, 0.111]]
        """
        known = list(classes)
        shares = self.shares
        doubt = 1 / (self.rows + 1)
        completed = np.tile(shares, (len(probabilities), 1))
        completed[:, known] = shares[known].sum() * (1 - doubt) * probabilities + doubt * shares[known]
        return completed

    def __add__(self, other: "Baseline") -> "Baseline":
        return Baseline(self.task, self.totals + other.totals, self.weight + other.weight, self.rows + other.rows)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {"totals": self.totals.tolist(), "weight": self.weight, "rows": self.rows}

    @classmethod
    def from_json(cls, task: Task, stored: Mapping[str, Any]) -> "Baseline":
        """Return the baseline that ``to_json`` described."""
        return cls(task, np.array(stored["totals"], dtype=np.float64), stored["weight"], stored["rows"])


def fit_baseline(target: np.ndarray, weights: np.ndarray | None, task: Task, n_classes: int) -> Baseline:
    """Return the baseline of class codes or numbers (n_rows,)."""
    weight = float(len(target)) if weights is None else float(weights.sum())
    if task.is_classification:
        totals = np.bincount(target, weights=weights, minlength=n_classes).astype(np.float64)
    else:
        totals = np.array([np.sum(target if weights is None else target * weights)], dtype=np.float64)
    return Baseline(task, totals, weight, len(target))
