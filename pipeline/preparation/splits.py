"""Splits of rows that are in time order, by the type of validation that a search is to use.

All but ``kfold`` validate on rows that lie after what was learned, by at least the gap.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.config import Validation
from pointsman.common.seeding import random_generator


@dataclass(frozen=True)
class Split:
    """Positions of the rows to learn from and of the rows to validate on."""

    learn: np.ndarray
    validate: np.ndarray


def make_splits(
    validation: Validation, times: pd.Series, folds: int, gap: str, block: int | None = None, seed: int = 0
) -> list[Split]:
    """Return the splits of one type of validation for rows with these times (n_rows,), oldest first.

    folds: how many, at most; ``holdout`` makes one whatever it is
    gap:   time between learned and validated rows, such as 30D; ``kfold`` has no use for it
    block: rows of a batch, the most that ``time_ordered`` and ``holdout`` validate on at a time
    seed:  decides what ``kfold`` puts together
    """
    match validation:
        case "time_ordered":
            return time_ordered_folds(times, folds, gap, block)
        case "foremost":
            return foremost_folds(times, folds, gap)
        case "holdout":
            return time_ordered_folds(times, 1, gap, block)
    return shuffled_folds(len(times), folds, seed)


def time_ordered_folds(
    times: pd.Series, folds: int, gap: str, block: int | None = None, first_share: float = 0.4
) -> list[Split]:
    """Return up to ``folds`` splits with growing history (forward chaining; Hyndman & Athanasopoulos, section 5.10).

    The first fold learns from at least ``first_share`` of the rows; the validation blocks are of equal length, at most
    ``block`` rows, and end with the newest row: models are refitted with every batch, so none has to look further ahead
    than one. A fold that the gap leaves without rows to learn from is left out.

    >>> times = pd.Series(pd.date_range("2020-01-01", periods=10, freq="D"))
    >>> [(split.learn.tolist(), split.validate.tolist()) for split in time_ordered_folds(times, 2, "1D")]
    [([0, 1, 2], [4, 5, 6]), ([0, 1, 2, 3, 4, 5], [7, 8, 9])]
    """
    longest = (len(times) - round(len(times) * first_share)) // folds
    return _chain(times, folds, min(longest, block or longest), gap)


def foremost_folds(times: pd.Series, folds: int, gap: str) -> list[Split]:
    """Return up to ``folds`` splits that validate on every row but those of the first block.

    The rows are ``folds`` + 1 blocks of equal length, of which the first has what is left over: each fold learns all
    blocks before its own. So the foremost rows count as much as the newest, and the first fold knows one block alone.

    >>> times = pd.Series(pd.date_range("2020-01-01", periods=7, freq="D"))
    >>> [(split.learn.tolist(), split.validate.tolist()) for split in foremost_folds(times, 2, "0D")]
    [([0, 1, 2], [3, 4]), ([0, 1, 2, 3, 4], [5, 6])]
    """
    return _chain(times, folds, len(times) // (folds + 1), gap)


def shuffled_folds(n_rows: int, folds: int, seed: int) -> list[Split]:
    """Return ``folds`` splits that validate on each row once and learn all others, whatever their order.

    They are for tables whose order means nothing: elsewhere they learn from rows later than those they validate on.

    >>> splits = shuffled_folds(5, 2, seed=1)
    >>> sorted(row for split in splits for row in split.validate.tolist())
    [0, 1, 2, 3, 4]
    """
    shuffled = random_generator(seed, "folds").permutation(n_rows)
    parts = [np.sort(part) for part in np.array_split(shuffled, folds)]
    splits = [Split(np.setdiff1d(np.arange(n_rows), part), part) for part in parts]
    return [split for split in splits if len(split.learn) and len(split.validate)]


def _chain(times: pd.Series, folds: int, length: int, gap: str) -> list[Split]:
    """Validate on the newest ``folds`` blocks of ``length`` rows, each of which learns all that came before it."""
    edges = [len(times) - length * left for left in range(folds, -1, -1)]
    splits = [_cut(times, start, end, gap) for start, end in itertools.pairwise(edges)]
    return [split for split in splits if len(split.learn) and len(split.validate)]


def _cut(times: pd.Series, start: int, end: int, gap: str) -> Split:
    """Validate on [start, end); learn from the rows before ``start`` that are at least ``gap`` older than it."""
    delay = pd.Timedelta(gap)
    learn = np.arange(start)
    if delay > pd.Timedelta(0) and start < len(times):
        learn = learn[(times.iloc[:start] < times.iloc[start] - delay).to_numpy()]
    return Split(learn, np.arange(start, end))
