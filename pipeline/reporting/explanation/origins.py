"""Contributions by encoded column, added up by the feature that each column comes from."""

from collections.abc import Sequence

import numpy as np


def sum_by_origin(values: np.ndarray, origins: Sequence[str], features: Sequence[str]) -> np.ndarray:
    """Return contributions by feature (n_rows, n_features, ...) from those by column (n_rows, n_columns, ...).

    Adding up keeps every row's total, so what was additive by column is additive by feature.

    >>> sum_by_origin(np.array([[1.0, 2.0, 4.0]]), ["b", "a", "b"], ["a", "b", "c"]).tolist()
    [[2.0, 5.0, 0.0]]
    """
    place = {name: position for position, name in enumerate(features)}
    summed = np.zeros((len(values), len(features), *values.shape[2:]))
    for column, origin in enumerate(origins):
        summed[:, place[origin]] += values[:, column]
    return summed
