"""What families learn from and what they make of it: a sample, a fitted estimator and its size."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pointsman.common.errors import DataError
from pointsman.common.task import Task
from pointsman.model_zoo.baseline import Baseline
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.search import Params


@dataclass(frozen=True)
class Sample:
    """Checked rows to learn from, in time order.

    ``target`` is (n_rows,) int64 class codes or float64 numbers; ``weights`` is (n_rows,) float64 or None, with mean 1
    over the rows of the first fit.
    """

    table: EncodedTable
    target: np.ndarray
    weights: np.ndarray | None
    task: Task
    n_classes: int

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: np.ndarray | slice) -> "Sample":
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        return replace(self, table=self.table.take(rows), target=self.target[rows], weights=weights)


@dataclass(frozen=True)
class Estimator:
    """A fitted family. ``classes`` are the class codes that ``learned`` knows, in the order of its columns.

    ``learned`` is None where the rows held nothing to learn from; the baseline then answers. Row weights are multiplied
    by ``weight_scale``, so that their scale does not matter and those of an update compare with those of the fit.
    """

    family: str
    task: Task
    n_classes: int
    names: tuple[str, ...]
    params: Params
    baseline: Baseline
    classes: tuple[int, ...]
    weight_scale: float
    learned: Any


@dataclass(frozen=True)
class Size:
    """How large a fitted estimator is: the limit on the depth of its trees, how many rounds or trees it has, and into
    how many bins it sorts a column; None for what a family does not have.
    """

    depth: int | None = None
    iterations: int | None = None
    bins: int | None = None


def scale_weights(weights: np.ndarray | None, n_rows: int) -> tuple[np.ndarray | None, float]:
    """Return weights with mean 1 and the factor that made them so."""
    if weights is None:
        return None, 1.0
    check_weights(weights, n_rows)
    scale = n_rows / float(np.sum(weights, dtype=np.float64))
    return np.asarray(weights, dtype=np.float64) * scale, scale


def check_weights(weights: np.ndarray, n_rows: int) -> None:
    if weights.shape != (n_rows,) or not np.isfinite(weights).all() or weights.min() < 0 or weights.max() <= 0:
        raise DataError(
            f"Weights of shape {weights.shape} must be {n_rows} non-negative numbers that are not all zero."
        )
