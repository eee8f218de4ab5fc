"""How well one column alone tells the target: 0 like chance, 1 without an error."""

import numpy as np

from pointsman.common.task import Task

FEWEST_OF_A_CLASS = 10
"""Rows of a class, or off the most frequent number: with fewer, chance can make a column look like the answer."""

BINS = 32
"""Ranges of a number, alike in rows, that are looked at as levels, since the code of a middle class is not the highest
or the lowest of them."""


def compute_separation(feature: np.ndarray, target: np.ndarray, task: Task, is_level: bool) -> float | None:
    """Return how well ``feature`` (n_rows,) alone orders the target, None where its rows do not tell.

    For a class it is the Gini coefficient, 2 AUC - 1, whatever its sign (of several classes, the mean of one against
    the rest); for a number the squared rank correlation. ``feature`` is a number, or a code where ``is_level``: a level
    is then worth the mean outcome in every other row and is judged on the rest, so that many levels gain nothing. Of
    three classes and more a number is looked at both ways.

    >>> sex, claim = np.resize([0, 1], 80), np.resize([0.0, 0.0, 1.0, 1.0], 80)
    >>> compute_separation(np.arange(80.0), np.repeat([0.0, 1.0], 40), Task.BINARY, is_level=False)
    1.0
    >>> compute_separation(sex, claim, Task.BINARY, is_level=True)
    0.0
    """
    outcomes = _list_outcomes(target, task)
    if not outcomes:
        return None
    told = [_measure(feature, one, task, is_level) for one in outcomes]
    if task is Task.MULTICLASS and not is_level:
        told = [
            max(of_number, _measure(_bin(feature), outcome, task, is_level=True))
            for of_number, outcome in zip(told, outcomes, strict=True)
        ]
    return float(np.mean(told))


def _measure(feature: np.ndarray, outcome: np.ndarray, task: Task, is_level: bool) -> float:
    known, answer = _score_levels(feature, outcome) if is_level else (feature, outcome)
    return _correlate(known, answer) if task is Task.REGRESSION else _compute_gini(known, answer)


def _bin(feature: np.ndarray) -> np.ndarray:
    """Return codes (n_rows,) of ranges that hold about as many rows each; equal numbers share a range."""
    edges = np.unique(np.quantile(feature, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, feature)


def _list_outcomes(target: np.ndarray, task: Task) -> list[np.ndarray]:
    """Return what a feature has to tell: a number's rank, or for each class with enough rows, which rows are of it."""
    if task is Task.REGRESSION:
        _, counts = np.unique(target, return_counts=True)
        return [_rank(target)] if len(target) - counts.max(initial=0) >= FEWEST_OF_A_CLASS else []
    classes = [1.0] if task is Task.BINARY else np.unique(target)
    outcomes = [(target == code).astype("float64") for code in classes]
    return [one for one in outcomes if FEWEST_OF_A_CLASS <= one.sum() <= len(one) - FEWEST_OF_A_CLASS]


def _score_levels(codes: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    learn, judge = slice(0, None, 2), slice(1, None, 2)
    size = int(codes.max()) + 1
    overall = outcome[learn].mean()
    counts = np.bincount(codes[learn], minlength=size)
    means = (np.bincount(codes[learn], outcome[learn], minlength=size) + overall) / (counts + 1)
    return means[codes[judge]], outcome[judge]


def _compute_gini(feature: np.ndarray, outcome: np.ndarray) -> float:
    ones = outcome == 1
    n_ones, n_others = int(ones.sum()), int((~ones).sum())
    if not n_ones or not n_others:
        return 0.0
    area = (_rank(feature)[ones].sum() - n_ones * (n_ones + 1) / 2) / (n_ones * n_others)
    return abs(2 * float(area) - 1)


def _correlate(feature: np.ndarray, outcome: np.ndarray) -> float:
    ranks, others = _rank(feature), _rank(outcome)
    spread = ranks.std() * others.std()
    return float(((ranks - ranks.mean()) * (others - others.mean())).mean() / spread) ** 2 if spread else 0.0


def _rank(numbers: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(numbers)
