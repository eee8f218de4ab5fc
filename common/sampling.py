"""Samples without chance: rows evenly spread over a table, so that every part of its time is in them."""

import numpy as np


def spread_rows(available: int, most: int) -> np.ndarray:
    """Return the positions of at most ``most`` rows, evenly spread over ``available`` ones.

    >>> spread_rows(10, 4).tolist(), spread_rows(3, 4).tolist()
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return np.linspace(0, available - 1, min(most, available)).astype(int)
