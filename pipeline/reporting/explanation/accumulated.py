"""Effects of single features on a model's answers: accumulated local effects of numbers, mean answers of levels.

The effect of a number is added up from small steps, each taken by the rows that are near it, so that no row is made
that could not exist; what correlated features do is left out. Source: Apley & Zhu (2020), "Visualizing the effects of
predictor variables in black box supervised learning models". Levels have no order in which to add up: theirs is the
mean answer if every row had the level (partial dependence, Friedman 2001).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.seeding import random_generator

BINS = 12
MOST_LEVELS = 8
ROWS = 150
"""Rows that answer for the effect of a feature."""

Answer = Callable[[pd.DataFrame], np.ndarray]
"""From features (n_rows, n_features) to answers (n_rows,)."""


@dataclass(frozen=True)
class EffectPoint:
    """The answer at a number or level less its mean; ``count`` rows lie up to it from the point before, or have it."""

    place: float | str
    change: float
    count: int


@dataclass(frozen=True)
class Effect:
    """How the answer goes with a feature; ``rows`` is how many were asked."""

    feature: str
    is_number: bool
    points: tuple[EffectPoint, ...]
    rows: int

    @property
    def span(self) -> float:
        """How far the answer moves over all points."""
        changes = [one.change for one in self.points]
        return max(changes) - min(changes) if changes else 0.0

    @property
    def reach(self) -> float:
        """The largest change in either direction."""
        return max((abs(one.change) for one in self.points), default=0.0)


def compute_effect(answer: Answer, rows: pd.DataFrame, feature: str, seed: int) -> Effect | None:
    """Return the effect of a feature over rows (n_rows, n_features); None where it does not vary."""
    cells = rows[feature]
    is_number = bool(pd.api.types.is_numeric_dtype(cells))
    known = rows[cells.notna()].reset_index(drop=True)
    if known[feature].nunique() < 2:
        return None
    drawn = np.sort(random_generator(seed, "effects").permutation(len(known))[:ROWS])
    sample = known.iloc[drawn].reset_index(drop=True)
    if is_number:
        return accumulate(answer, sample, feature)
    return average_levels(answer, sample, feature, known[feature].value_counts().sort_index(kind="stable"))


def accumulate(answer: Answer, rows: pd.DataFrame, feature: str) -> Effect | None:
    """Return the accumulated local effect of a number, in bins with about as many rows each."""
    cells = rows[feature].to_numpy(dtype=float)
    edges = np.unique(np.quantile(cells, np.linspace(0, 1, BINS + 1), method="inverted_cdf"))
    if len(edges) < 2:
        return None
    bins = np.clip(np.searchsorted(edges, cells, side="left") - 1, 0, len(edges) - 2)
    both = pd.concat([rows.assign(**{feature: edges[bins + side]}) for side in (0, 1)], ignore_index=True)
    below, above = answer(both).reshape(2, -1)
    counts = np.bincount(bins, minlength=len(edges) - 1)
    steps = np.bincount(bins, weights=above - below, minlength=len(edges) - 1) / np.maximum(1, counts)
    heights = np.concatenate([[0.0], np.cumsum(steps)])
    mean = ((heights[:-1] + heights[1:]) / 2 * counts).sum() / counts.sum()
    points = zip(edges.tolist(), (heights - mean).tolist(), (0, *counts.tolist()), strict=True)
    return Effect(feature, True, tuple(EffectPoint(*one) for one in points), len(rows))


def average_levels(answer: Answer, rows: pd.DataFrame, feature: str, counts: pd.Series) -> Effect:
    """Return the mean answer if every row had one of the most frequent levels, less that of the rows as they are."""
    frequent = counts.sort_values(ascending=False, kind="stable").head(MOST_LEVELS)
    levels = [str(level) for level in frequent.index]
    made = [rows.assign(**{feature: pd.Series(level, index=rows.index, dtype="str")}) for level in levels]
    answers = answer(pd.concat([rows, *made], ignore_index=True)).reshape(len(levels) + 1, -1).mean(axis=1)
    points = zip(levels, (answers[1:] - answers[0]).tolist(), map(int, frequent), strict=True)
    return Effect(feature, False, tuple(EffectPoint(*one) for one in points), len(rows))
