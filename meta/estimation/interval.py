"""Intervals that keep their coverage: conformal on past batches, for requests of any size, and adaptive under drift.

Errors of past forecasts, over whole batches and parts of them, are divided by a spread that depends on the number of
rows, and their quantiles bound the next. A factor grows after misses and shrinks after hits, so that coverage comes
back where batches have become harder to predict: the idea of adaptive conformal inference (Gibbs & Candes 2021), on the
width instead of the level, since few batches have no quantile beyond their largest error.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.meta.estimation.forecast import decay, measure_spread

COVERAGE = 0.9
HALF_LIFE = 12.0
STEP = 0.2
"""How much, as a share, misses beyond the expected one in ten widen the interval."""
NEIGHBOURHOOD = 1.0
"""Ratio of sizes, as a logarithm, at which the errors of parts of another size count 37 %."""
PRIOR_BATCHES = 4.0
"""Weight, in batches, of the quantiles of a standard normal: few errors show no tails."""
MIN_ERRORS = 3
WHOLE = 0


@dataclass(frozen=True, eq=False)
class BatchErrors:
    """Errors of a batch's forecast, (n_parts,) each.

    kinds: the size that parts of a batch were cut to, WHOLE for the batch itself; ``rows`` is what they really have
    """

    kinds: np.ndarray
    rows: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True)
class Interval:
    """What a ``Forecast`` holds of its interval, under the same names; ``kinds`` of parts are in the order of sizes."""

    kinds: tuple[float, ...]
    sizes: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    between: float
    within: float


def fit_interval(history: Sequence[BatchErrors]) -> Interval | None:
    """Return the intervals after a history, the oldest batch first; None while it is too short.

    The history is replayed in time: how wide intervals have to be is learned from what earlier ones would have missed.
    """
    kinds = np.unique(np.concatenate([one.kinds for one in history])) if history else np.array([])
    factors = dict.fromkeys(kinds.tolist(), 0.0)
    fitted = None
    for seen in range(MIN_ERRORS, len(history) + 1):
        fitted = _fit_to(history[:seen], factors)
        if seen < len(history):
            for kind, missed in _grade(fitted, history[seen]):
                factors[kind] += STEP * (missed - (1 - COVERAGE))
    return fitted


def _grade(spread: Interval, batch: BatchErrors) -> Iterator[tuple[float, float]]:
    """Yield by kind of part the share of them that the intervals missed."""
    bounds = measure_spread(spread.between, spread.within, batch.rows)
    at, sizes = np.log(batch.rows), np.log(spread.sizes)
    missed = batch.errors < np.interp(at, sizes, spread.low) * bounds
    missed |= batch.errors > np.interp(at, sizes, spread.high) * bounds
    for kind in np.unique(batch.kinds):
        yield float(kind), float(missed[batch.kinds == kind].mean())


def _fit_to(history: Sequence[BatchErrors], factors: dict[float, float]) -> Interval:
    kinds, rows, errors = (
        np.concatenate([getattr(one, name) for one in history]) for name in ("kinds", "rows", "errors")
    )
    recent = decay(len(history), HALF_LIFE)
    weights = np.concatenate([_share_evenly(one.kinds) * weight for one, weight in zip(history, recent, strict=True)])
    known = np.unique(kinds)
    sizes = np.array([rows[kinds == kind].mean() for kind in known])
    squares = np.array([np.average(errors[kinds == kind] ** 2, weights=weights[kinds == kind]) for kind in known])
    between, within = fit_variance(sizes, squares)
    # Divided by their spread, errors of parts of all sizes can share one set of scores.
    scores = np.append(errors / measure_spread(between, within, rows), NORMAL_SCORES)
    prior = np.full(len(NORMAL_SCORES), PRIOR_BATCHES / len(NORMAL_SCORES))
    low, high = [], []
    for kind, size in zip(known.tolist(), sizes, strict=True):
        near = np.append(weights * np.exp(-np.abs(np.log(rows / size)) / NEIGHBOURHOOD), prior)
        factor = np.exp(factors[kind])
        if kind == WHOLE:  # too few to tell the two tails apart
            reach = find_quantile(np.abs(scores), near, COVERAGE)
            ends = -reach, reach
        else:
            ends = find_quantile(scores, near, (1 - COVERAGE) / 2), find_quantile(scores, near, (1 + COVERAGE) / 2)
        low.append(float(ends[0] * factor))
        high.append(float(ends[1] * factor))
    # Ascending kinds are not ascending sizes, since WHOLE is 0; bounds are interpolated between sizes.
    order = np.argsort(sizes)
    return Interval(
        kinds=tuple(known[order].tolist()),
        sizes=tuple(sizes[order].tolist()),
        low=tuple(np.array(low)[order].tolist()),
        high=tuple(np.array(high)[order].tolist()),
        between=between,
        within=within,
    )


def _share_evenly(kinds: np.ndarray) -> np.ndarray:
    """Return weights of parts (n_parts,) that sum to 1 for each kind: parts of one batch err together."""
    _, place, counts = np.unique(kinds, return_inverse=True, return_counts=True)
    return 1 / counts[place]


def fit_variance(sizes: np.ndarray, squares: np.ndarray) -> tuple[float, float]:
    """Return (between, within), neither below 0, of mean squared errors (n,) at sizes (n,) in rows.

    Least squares of relative errors, so that the large ones of small parts do not decide alone.

    >>> fit_variance(np.array([10.0, 1000.0]), np.array([2.1, 0.12]))
    (0.1, 20.0)
    """
    squares = np.maximum(squares, 1e-12)
    design = np.column_stack([1 / squares, 1 / (sizes * squares)])
    between, within = np.linalg.lstsq(design, np.ones(len(sizes)), rcond=None)[0] if len(sizes) > 1 else (-1.0, 0.0)
    if between < 0:
        between, within = 0.0, design[:, 1].sum() / (design[:, 1] ** 2).sum()
    elif within < 0:
        between, within = design[:, 0].sum() / (design[:, 0] ** 2).sum(), 0.0
    return round(float(between), 12), round(float(within), 12)


def find_quantile(numbers: np.ndarray, weights: np.ndarray, level: float) -> float:
    """Return the weighted quantile of numbers (n,).

    >>> find_quantile(np.array([3.0, 1.0, 2.0]), np.ones(3), 0.5)
    2.0
    """
    order = np.argsort(numbers)
    reached = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(level * weights.sum(), reached, numbers[order]))


def _list_normal_scores(count: int) -> np.ndarray:
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf((place + 0.5) / count) for place in range(count)])


NORMAL_SCORES = _list_normal_scores(40)
