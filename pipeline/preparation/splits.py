"""Time-ordered splits: what is validated always lies after what was learned, by at least the gap."""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Split:
    """Positions of the rows to learn from and of the later rows to validate on."""

    learn: np.ndarray
    validate: np.ndarray


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
    length = min(longest, block or longest)
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
