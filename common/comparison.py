"""Who is better on the same later rows: a paired comparison with an interval."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

BLOCKS = 24
"""Neighbouring rows of a stream are alike, so the interval is taken over means of this many blocks of time."""


class Outcome(StrEnum):
    """What a comparison says of the contender."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Comparison:
    """Mean loss of the contender minus that of the incumbent: below 0 the contender is better.

    ``lower`` and ``upper`` are the interval, ``error`` the standard error of the difference.
    """

    difference: float
    lower: float
    upper: float
    rows: int
    error: float = np.inf

    @property
    def outcome(self) -> Outcome:
        """Better or worse where the interval leaves 0 out."""
        if self.upper < 0:
            return Outcome.BETTER
        return Outcome.WORSE if self.lower > 0 else Outcome.UNDECIDED


def compare_losses(contender: np.ndarray, incumbent: np.ndarray, confidence: float) -> Comparison:
    """Compare two models' row losses (n_rows,) on the same rows in time order.

    The interval is a paired t interval over block means with one-sided ``confidence`` at each end (batch means, as in
    simulation output analysis: Law & Kelton). With fewer than two blocks it is infinitely wide.

    >>> compare_losses(np.full(48, 1.0), np.full(48, 2.0), 0.9).outcome
    <Outcome.BETTER: 'better'>
    """
    from scipy.stats import t

    differences = contender - incumbent
    blocks = np.array_split(differences, min(BLOCKS, len(differences)))
    if len(blocks) < 2:
        return Comparison(float(differences.mean()) if len(differences) else 0.0, -np.inf, np.inf, len(differences))
    means = np.array([block.mean() for block in blocks])
    error = float(means.std(ddof=1) / np.sqrt(len(means)))
    half = float(t.ppf(confidence, len(means) - 1)) * error
    centre = float(differences.mean())
    return Comparison(centre, centre - half, centre + half, len(differences), error)
