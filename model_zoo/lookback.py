"""Levels encoded by earlier rows of the stream: the mean of their target so far, and how often they were met.

These are ordered target statistics (Prokhorenkova et al. 2018), in the stream's own order instead of a random one: no
row is encoded by its own target or by one that came later, just as no request is.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

SMOOTHING = 10.0
"""The mean of everything so far weighs as much as this many rows of a level."""
MOST_SEEN = 300
"""A level counts as met at most this often. The count of one that is in every other row tells the time and little else,
and a tree that splits on it answers every request by the last few rows that it learned."""


class LookBackEncoder(TransformerMixin, BaseEstimator):
    """Encode text columns by the smoothed mean of the target over earlier rows of a level, and the log of their number.

    by_class: whether the target holds class codes; with more than two classes, each has a mean. Other targets are
              numbers, whose mean is given in standard deviations from the mean of everything so far
    copies:   how often the rows are given while fitting, one time after another: a copy sees what its original sees,
              and teaches nothing

    Rows are in time order. While fitting, a row sees the rows before it; later on, every row sees all of them. A
    missing cell is a level of its own, and a level never met is the mean of everything, seen 0 times.

    >>> towns = pd.DataFrame({"town": ["x", "x", "y", "x"]}, dtype="str")
    >>> encoder = LookBackEncoder(by_class=True, smoothing=1.0)
    >>> encoder.fit_transform(towns, np.array([1, 1, 0, 0])).round(2).tolist()
    [[0.5, 0.0], [0.88, 0.69], [0.83, 0.0], [0.88, 1.1]]
    >>> encoder.transform(pd.DataFrame({"town": ["x", "z"]}, dtype="str")).round(2).tolist()
    [[0.62, 1.39], [0.5, 0.0]]
    """

    def __init__(self, by_class: bool, copies: int = 1, smoothing: float = SMOOTHING) -> None:
        self.by_class = by_class
        self.copies = copies
        self.smoothing = smoothing

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> "LookBackEncoder":
        """Learn what all rows (n_rows, n_columns) say of the levels; ``y`` (n_rows,) is their target."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: pd.DataFrame, y: np.ndarray, **_: Any) -> np.ndarray:
        """Learn from the rows and return each as encoded by those before it: (n_rows, n_encoded) float64."""
        n_rows = len(X) // self.copies
        told = _split_target(np.asarray(y[:n_rows], dtype=np.float64), self.by_class)
        so_far = np.vstack([np.zeros((1, told.shape[1])), told.cumsum(axis=0)])  # the last line is what all rows say
        squares = np.append(0.0, np.square(told[:, -1]).cumsum())
        self.n_means_ = told.shape[1] - 1
        self.levels_: list[list[str]] = []
        self.tables_: list[np.ndarray] = []
        encoded = []
        for _name, column in X.items():
            codes, levels = pd.factorize(column.astype("str"), sort=True)
            codes[codes < 0] = len(levels)
            before = _look_back(codes, told, self.copies)
            past = np.tile(np.arange(n_rows), self.copies)
            encoded.append(self._encode(before, so_far[past], squares[past]))
            own = codes[:n_rows]
            met = [np.bincount(own, weights, minlength=len(levels) + 2) for weights in told.T]  # missing, never met
            self.tables_.append(self._encode(np.column_stack(met), so_far[[-1]], squares[[-1]]))
            self.levels_.append(levels.tolist())
        return np.hstack(encoded)

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return the rows as encoded by all rows of the fit: (n_rows, n_encoded) float64."""
        encoded = []
        for (_name, column), levels, table in zip(X.items(), self.levels_, self.tables_, strict=True):
            codes, asked = pd.factorize(column.astype("str"))
            places = {level: place for place, level in enumerate(levels)}
            missing, never_met = len(places), len(places) + 1
            asked_places = np.array([*(places.get(level, never_met) for level in asked), missing])
            encoded.append(table[asked_places[codes]])  # -1, the code of a missing cell, is the last place
        return np.hstack(encoded)

    def get_feature_names_out(self, input_features: Any) -> np.ndarray:
        """Return the names of the encoded columns: of each column its means, then its count."""
        means = ["mean"] if self.n_means_ == 1 else [f"mean {number}" for number in range(self.n_means_)]
        return np.array([f"{name}: {what}" for name in input_features for what in (*means, "seen")], dtype=object)

    def _encode(self, met: np.ndarray, all_met: np.ndarray, squares: np.ndarray) -> np.ndarray:
        """Return smoothed means and log counts of levels from counts and sums: of the level, and of every level."""
        counts, sums = met[:, :1], met[:, 1:]
        everything, all_sums = all_met[:, :1], all_met[:, 1:]
        if self.by_class:  # one row of no class at all, so that there is a mean before there is any row
            prior = (all_sums + 1 / max(2, self.n_means_)) / (everything + 1)
            means = (sums + self.smoothing * prior) / (counts + self.smoothing)
        else:
            prior = all_sums / np.maximum(everything, 1)
            spread = np.sqrt(np.maximum(squares[:, np.newaxis] / np.maximum(everything, 1) - np.square(prior), 0))
            means = (sums - counts * prior) / (counts + self.smoothing) / np.where(spread > 0, spread, 1)
        return np.hstack([means, np.log1p(np.minimum(counts, MOST_SEEN))])


def _split_target(target: np.ndarray, by_class: bool) -> np.ndarray:
    """Return what each row adds to the sums (n_rows, 1 + n_means): 1 to the count, and its classes or its number.

    Numbers are taken less the first one, so that squares of large numbers keep their digits.
    """
    ones = np.ones((len(target), 1))
    if not by_class:
        return np.column_stack([ones, target - target[:1]])
    classes = np.unique(target)
    told = classes[-1:] if len(classes) <= 2 else classes
    return np.hstack([ones, target[:, np.newaxis] == told])


def _look_back(codes: np.ndarray, told: np.ndarray, copies: int) -> np.ndarray:
    """Return the sums (n_rows * copies, n_told) of what earlier rows of the same code said.

    ``codes`` (n_rows * copies,) are those of the rows, then of their copies. Each row's copies are put right before it
    and add nothing, so that they see what it sees. Sums run level by level: a later row of another level would move
    the last digit of a sum over all of them.
    """
    n_rows, n_told = told.shape
    in_time = codes.reshape(copies, n_rows)[::-1].T.ravel()
    said = np.zeros((n_rows, copies, n_told))
    said[:, -1] = told
    sums = pd.DataFrame(said.reshape(-1, n_told)).groupby(in_time, sort=False).cumsum()
    before = sums.groupby(in_time, sort=False).shift(fill_value=0.0).to_numpy()
    return before.reshape(n_rows, copies, n_told).transpose(1, 0, 2)[::-1].reshape(-1, n_told)
