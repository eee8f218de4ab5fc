"""Thresholds learned from the stream's own past: what share is likely in a batch like those before it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.common.config import QualityConfig

LEAST_BATCHES = 4
"""With fewer batches, how much they differ from each other is not known and the fixed threshold stands."""

NEW_NORMAL = 3
"""A breach is left out of what is learned, unless it is the last of so many in a row: then it is the new normal."""


@dataclass(frozen=True)
class PastShare:
    """The share of an earlier batch's ``cells`` (or rows) that passed a check, and whether that was enough."""

    cells: int
    share: float
    passed: bool = True


@dataclass(frozen=True)
class LearnedThresholds:
    """A threshold to learn. ``fallback`` stands until enough batches are known; the bound is at most ``most``.

    ``recurs`` says that breaches count among what is usual: what comes and goes is not reported each time it comes.
    With ``strict`` a share that was always 1 has to stay 1.
    """

    fallback: float
    most: float = 1.0
    recurs: bool = False
    strict: bool = False


FALLBACKS = {
    "min_completeness": 0.5,
    "min_validity": 0.95,
    "min_uniqueness": 0.5,
    "min_consistency": 0.95,
    "max_unseen": 0.2,
    "max_outliers": 0.1,
    "max_repeated": 0.5,
}
"""What stands for a share in the configuration until it can be learned."""


def choose_threshold(quality: QualityConfig, key: str) -> float | LearnedThresholds:
    """Return the share that has to pass: what the configuration states under ``key``, or one to learn.

    >>> choose_threshold(QualityConfig(max_unseen=0.25), "max_unseen"), choose_threshold(QualityConfig(), "max_unseen")
    (0.75, LearnedThresholds(fallback=0.8, most=1.0, recurs=False, strict=False))
    """
    stated = getattr(quality, key)
    share = FALLBACKS[key] if stated is None else stated
    passing = round(1 - share, 12) if key.startswith("max_") else share
    return LearnedThresholds(passing) if stated is None else passing


def list_usual(past: Sequence[PastShare], recurs: bool = False) -> list[PastShare]:
    """Return the past without its breaches, unless they recur or are normal by now, or too few batches would be left.

    >>> usual, broken = PastShare(9, 1.0), PastShare(9, 0.2, passed=False)
    >>> len(list_usual([usual] * 5 + [broken])), len(list_usual([usual] * 5 + [broken] * 3)), len(list_usual([broken]))
    (5, 8, 1)
    """
    newest, passed = past[-NEW_NORMAL:], [one for one in past if one.passed]
    is_new_normal = len(newest) == NEW_NORMAL and not any(one.passed for one in newest)
    return list(past) if recurs or is_new_normal or len(passed) < LEAST_BATCHES else passed


def learn_bound(past: Sequence[PastShare], cells: int, confidence: float, tolerance: float) -> float | None:
    """Return what a share of ``cells`` falls below with probability 1 - ``confidence``, None for too short a past.

    A one-sided prediction bound on the arcsine scale, on which the noise of a share of n cells is 1 / (4 n), whatever
    the share (Anscombe 1948): the noise of this batch, what batches differ beyond their own noise, and the noise of
    their mean, with Student's quantile of as many batches. A share within ``tolerance`` of the usual one never falls
    below it.

    >>> steady = [PastShare(2_000, 0.9)] * 8
    >>> round(learn_bound(steady, 2_000, 0.999, 0.0), 3), round(learn_bound(steady, 200, 0.999, 0.0), 3)
    (0.863, 0.777)
    """
    from scipy.special import stdtrit

    if len(past) < LEAST_BATCHES or not cells:
        return None
    sizes = np.array([max(1, one.cells) for one in past], dtype="float64")
    passed = np.array([one.share for one in past]) * sizes
    scaled = np.arcsin(np.sqrt((passed + 0.375) / (sizes + 0.75)))
    noise = 1 / (4 * sizes + 2)
    between = max(0.0, float(scaled.var(ddof=1) - noise.mean()))
    weights = 1 / (noise + between)
    usual = float(np.average(scaled, weights=weights))
    deviation = np.sqrt(between + 1 / (4 * cells + 2) + 1 / weights.sum())
    lowest = np.clip(usual - stdtrit(len(past) - 1, confidence) * deviation, 0, np.pi / 2)
    middle = np.sin(np.clip(usual, 0, np.pi / 2)) ** 2
    return float(max(0.0, min(np.sin(lowest) ** 2, middle - tolerance)))


def learn_factor(past: Sequence[float], confidence: float, least: float, fallback: float) -> tuple[float, float]:
    """Return the usual size of positive amounts and the factor that a further one stays within, at least ``least``.

    ``fallback`` is the factor while too few amounts are known. A prediction interval on the logarithms.

    >>> learn_factor([100, 101, 99, 100], 0.999, 2.0, 10.0), learn_factor([100, 100], 0.999, 2.0, 10.0)
    ((100.0, 2.0), (100.0, 10.0))
    """
    from scipy.special import stdtrit

    logs = np.log(np.asarray(past, dtype="float64"))
    usual = float(np.median(past))
    if len(logs) < LEAST_BATCHES:
        return usual, fallback
    deviation = logs.std(ddof=1) * np.sqrt(1 + 1 / len(logs))
    return usual, max(least, float(np.exp(min(50.0, stdtrit(len(logs) - 1, confidence) * deviation))))
