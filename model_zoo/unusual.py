"""Which cells, and how many of them, are unusual: the basis of flags and of verdicts on whole columns."""

import numpy as np

from pointsman.model_zoo.cells import Cells, Levels
from pointsman.model_zoo.reference import InputReference, LevelReference

UNLIKELY = 0.05
"""Anything less probable than this is not put down to chance."""

FAR_MORE = 2.0
"""Above this many times the usual share, a cell is more likely one of the additional ones than a usual one."""


def bound_chance(counts: np.ndarray, rows: np.ndarray | int, share: np.ndarray | float) -> np.ndarray:
    """Return a bound (n,) on the chance that at least ``counts`` (n,) of ``rows`` cells are hit, each by ``share``.

    It is Chernoff's bound of the binomial tail (1952), exp(-rows * KL(counts / rows, share)): never below the chance
    itself, and equal to it for a single row. It is 1 where no more are hit than are to be expected, or none.

    >>> bound_chance(np.array([1, 1, 30, 60]), np.array([1, 100, 100, 100]), np.array([0.02, 0.02, 0.2, 0.2])).round(3)
    array([0.02, 1.  , 0.06, 0.  ])
    """
    rows = np.maximum(rows, 1)
    seen = np.asarray(counts / rows, dtype=float)
    share = np.minimum(share, 1.0)
    with np.errstate(all="ignore"):  # what is not finite is either right or not taken
        hit = np.where(seen > 0, seen * np.log(seen / share), 0.0)
        spared = np.where(seen < 1, (1 - seen) * np.log((1 - seen) / (1 - share)), 0.0)
    bound: np.ndarray = np.where(seen > share, np.exp(-rows * (hit + spared)), 1.0)
    return bound


def is_usual(counts: np.ndarray, rows: np.ndarray | int, usual_shares: np.ndarray) -> np.ndarray:
    """Return where (n,) as many as ``counts`` of ``rows`` cells are not surely far more than usual.

    Where there is no hit, one is judged, so that the verdict on a sample also holds for the first hit outside it. In a
    single row a hit is usual where more than 2.5 % (UNLIKELY / FAR_MORE) are.

    >>> is_usual(np.array([24, 60, 1, 0]), 100, np.array([0.22, 0.22, 0.0, 0.01])).tolist()
    [True, False, False, True]
    """
    usual: np.ndarray = bound_chance(np.maximum(counts, 1), rows, FAR_MORE * usual_shares) >= UNLIKELY
    return usual


def look_at_numbers(cells: Cells, reference: InputReference) -> tuple[np.ndarray, np.ndarray]:
    """Return which numbers (n_rows, n_numeric) are known, and which are out of their range."""
    numbers = cells.read_numbers(reference.numeric_names)
    return ~np.isnan(numbers), (numbers < reference.lows) | (numbers > reference.highs)


def find_unseen(column: Levels, normal: LevelReference) -> np.ndarray | None:
    """Return which cells (n_rows,) hold a level that is not normal; None where no level of the column is one."""
    unknown = [level not in normal.levels for level in column.known]
    return np.array([*unknown, False])[column.codes] if True in unknown else None
