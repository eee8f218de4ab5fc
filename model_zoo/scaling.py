"""Columns brought to comparable size for families that add columns up: linear models and nearest neighbours."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scaling:
    """Centres and widths of training columns, each (n_columns,) float64.

    Variants scale their columns themselves, so a column is only ever shrunk, when its standard deviation exceeds 1:
    stretching one-hot columns would make the rarest level the loudest. A cell is first drawn back to at most one
    training range outside the training range, so that one absurd cell cannot drown the rest of its row.
    """

    lower: np.ndarray
    upper: np.ndarray
    center: np.ndarray
    scale: np.ndarray

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return scaled values (n_rows, n_columns) float64.

        >>> fit_scaling(np.array([[0.0], [10.0]])).apply(np.array([[5.0], [15.0], [1e12]])).ravel().tolist()
        [0.0, 2.0, 3.0]
        """
        bounded = np.clip(values.astype(np.float64), self.lower, self.upper)
        return (bounded - self.center) / self.scale


def fit_scaling(values: np.ndarray) -> Scaling:
    """Return the scaling of training values (n_rows, n_columns) without missing cells."""
    wide = values.astype(np.float64)
    least, most = wide.min(axis=0), wide.max(axis=0)
    span = most - least
    return Scaling(least - span, most + span, wide.mean(axis=0), np.maximum(wide.std(axis=0), 1.0))
