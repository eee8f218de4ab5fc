"""Which rows of a large table are looked at: a systematic sample, which keeps the course of time."""

import numpy as np


def choose_rows(rows: int, most: int, generator: np.random.Generator) -> np.ndarray:
    """Return the sorted positions of at most ``most`` of ``rows`` rows, evenly spaced from a random start.

    Every row has the same chance (Cochran 1977, chapter 8), and neighbouring times are as dense as in the table.

    >>> choose_rows(9, 3, np.random.default_rng(0)).tolist(), choose_rows(2, 3, np.random.default_rng(0)).tolist()
    ([1, 4, 7], [0, 1])
    """
    if rows <= most:
        return np.arange(rows)
    step = rows / most
    return (generator.random() * step + step * np.arange(most)).astype(int).clip(max=rows - 1)
