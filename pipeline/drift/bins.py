"""Bins of a column, fitted on a reference: what two sets of rows are counted in before they are compared."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

N_BINS = 10
"""Share 1 / N_BINS of the reference is what one bin of numbers holds at most, point masses aside."""

POINT_MASS = 0.05
"""A number with at least this share of the reference's known cells is a bin of its own: the zeros of a claim amount."""

FREQUENT_SHARE, FREQUENT_CELLS = 0.01, 5
"""A level with this share and this many cells of the reference is a bin of its own; the rarer ones share one."""

MISSING = "missing"


@dataclass(frozen=True)
class NumericBins:
    """Ranges between ``edges``, single ``points``, and the missing cells.

    A range includes its upper edge, the first one both. What lies below or above all edges is outside the reference.
    """

    edges: tuple[float, ...]
    points: tuple[float, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What each bin holds."""
        edges = [f"{edge:.6g}" for edge in self.edges]
        ranges = [f"{low} to {high}" for low, high in pairwise(edges)]
        outer = (f"below {edges[0]}", f"above {edges[-1]}") if edges else ("any number",)
        return (outer[0], *ranges, *outer[1:], *(f"{point:.6g}" for point in self.points), MISSING)

    @property
    def unseen(self) -> tuple[int, ...]:
        """Positions of the bins in which the reference has no cell."""
        return (0, len(self.edges)) if self.edges else (0,)

    @property
    def order(self) -> np.ndarray:
        """Positions of the bins of numbers from low to high; the missing cells are left out."""
        middles = [-np.inf, *((low + high) / 2 for low, high in pairwise(self.edges)), np.inf][: len(self.labels) - 1]
        places = np.array([*middles[: len(self.labels) - 1 - len(self.points)], *self.points])
        return np.argsort(places, kind="stable")

    def find(self, cells: pd.Series) -> np.ndarray:
        """Return the position of the bin of each of the float64 cells (n_rows,)."""
        numbers = cells.to_numpy(dtype="float64")
        codes = np.searchsorted(self.edges, numbers, side="left")
        codes[np.isin(numbers, self.edges[:1])] = 1
        if self.points:
            nearest = np.searchsorted(self.points, numbers, side="left").clip(max=len(self.points) - 1)
            is_point = np.asarray(self.points)[nearest] == numbers
            codes = np.where(is_point, len(self.edges) + 1 + nearest, codes)
        return np.where(np.isnan(numbers), len(self.labels) - 1, codes)

    def count(self, cells: pd.Series) -> np.ndarray:
        """Return how many of the float64 cells (n_rows,) fall into each bin, shape (n_bins,)."""
        return np.bincount(self.find(cells), minlength=len(self.labels))


@dataclass(frozen=True)
class LevelBins:
    """The ``frequent`` levels one by one, the ``rare`` ones together, all unseen ones, and the missing cells."""

    frequent: tuple[str, ...]
    rare: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What each bin holds."""
        return (*self.frequent, "rare levels", "unseen levels", MISSING)

    @property
    def unseen(self) -> tuple[int, ...]:
        """Positions of the bins in which the reference has no cell."""
        return (len(self.frequent) + 1,)

    def find(self, cells: pd.Series) -> np.ndarray:
        """Return the position of the bin of each of the ``str`` cells (n_rows,)."""
        places = dict.fromkeys(self.rare, len(self.frequent)) | {level: n for n, level in enumerate(self.frequent)}
        codes = cells.map(places).fillna(len(self.frequent) + 1).to_numpy(dtype="int64")
        return np.where(cells.isna().to_numpy(), len(self.labels) - 1, codes)

    def count(self, cells: pd.Series) -> np.ndarray:
        """Return how many of the ``str`` cells (n_rows,) fall into each bin, shape (n_bins,)."""
        levels = cells.value_counts()
        frequent = levels.reindex(list(self.frequent), fill_value=0).to_numpy()
        rare = int(levels.reindex(list(self.rare), fill_value=0).sum())
        unseen = int(levels.sum()) - int(frequent.sum()) - rare
        return np.array([*frequent, rare, unseen, len(cells) - int(levels.sum())], dtype="int64")

    def find_unseen(self, cells: pd.Series) -> pd.Series:
        """Return the counts of the levels that no bin names, most frequent first, then by name."""
        levels = cells.value_counts()
        unseen = levels[~levels.index.isin([*self.frequent, *self.rare])]
        return unseen.sort_index().sort_values(ascending=False, kind="stable")


def fit_numeric_bins(cells: pd.Series) -> NumericBins:
    """Learn the range, the point masses, and quantiles of the numbers between them, from float64 cells."""
    known = cells.dropna().to_numpy(dtype="float64")
    if not len(known):
        return NumericBins((), ())
    numbers, counts = np.unique(known, return_counts=True)
    is_point = counts >= POINT_MASS * len(known)
    spread = np.repeat(numbers[~is_point], counts[~is_point])
    inner = np.empty(0)
    if len(spread):
        n_ranges = max(2, int(np.ceil(N_BINS * len(spread) / len(known))))
        inner = np.quantile(spread, np.arange(1, n_ranges) / n_ranges, method="inverted_cdf")
    edges = np.unique([numbers[0], *inner, numbers[-1]])
    return NumericBins(tuple(edges.tolist()), tuple(numbers[is_point].tolist()))


def fit_level_bins(cells: pd.Series) -> LevelBins:
    """Learn frequent and rare levels from ``str`` cells."""
    levels = cells.value_counts().sort_index()
    is_frequent = levels >= max(FREQUENT_CELLS, FREQUENT_SHARE * len(cells))
    return LevelBins(tuple(map(str, levels.index[is_frequent])), tuple(map(str, levels.index[~is_frequent])))
