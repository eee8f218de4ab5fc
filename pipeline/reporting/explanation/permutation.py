"""Model-agnostic SHAP values by sampled permutations of the features (Castro, Gomez & Tejada 2009)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.seeding import random_generator

BACKGROUND_ROWS = 8
"""Rows that stand for 'feature unknown'; every answer is averaged over them."""

Answer = Callable[[pd.DataFrame], np.ndarray]
"""From features (n_rows, n_features) to answers (n_rows, n_outputs)."""


@dataclass(frozen=True, eq=False)
class CodedFrame:
    """Turns a feature table into one float array and back, since rows are mixed cell by cell."""

    levels: dict[str, np.ndarray]
    columns: tuple[str, ...]

    def encode(self, features: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, n_columns) numbers; a text cell is the position of its level, NaN where missing."""
        coded = np.full(features.shape, np.nan)
        for place, name in enumerate(self.columns):
            cells = features[name]
            if name in self.levels:
                positions = {level: position for position, level in enumerate(self.levels[name])}
                cells = cells.map(positions)
            coded[:, place] = cells.to_numpy(dtype=float, na_value=np.nan)
        return coded

    def decode(self, coded: np.ndarray) -> pd.DataFrame:
        """Return the feature table that ``encode`` coded."""
        table = {}
        for place, name in enumerate(self.columns):
            cells = pd.Series(coded[:, place])
            if name in self.levels:
                cells = cells.map(dict(enumerate(self.levels[name]))).astype("str")
            table[name] = cells
        return pd.DataFrame(table)


def fit_codes(features: pd.DataFrame) -> CodedFrame:
    """Return the codes of a feature table's levels.

    >>> table = pd.DataFrame({"age": [1.0, 2.0], "make": pd.Series(["A", None], dtype="str")})
    >>> codes = fit_codes(table)
    >>> codes.encode(table).tolist(), codes.decode(codes.encode(table)).equals(table)
    ([[1.0, 0.0], [2.0, nan]], True)
    """
    text = [str(name) for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    return CodedFrame({name: features[name].dropna().unique() for name in text}, tuple(features.columns))


def explain_by_permutation(
    answer: Answer, rows: pd.DataFrame, background: pd.DataFrame, seed: int, seconds: float = 60.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return values (n_rows, n_features, n_outputs) and the base (n_outputs,) of a function of feature tables.

    One order of the features, walked forwards and backwards, is drawn a row: each feature's value is what the mean
    answer changes by when the row's cell takes the place of the background's. The values of a row always add up to its
    answer less the base, the mean answer to ``background``, of which BACKGROUND_ROWS are taken. Rows are fewer, but at
    least one, once ``seconds`` are over.
    """
    codes = fit_codes(pd.concat([background, rows]))
    drawn = random_generator(seed, "background").permutation(len(background))[:BACKGROUND_ROWS]
    hidden = codes.encode(background.iloc[np.sort(drawn)])
    order = random_generator(seed, "permutations")
    started = time.perf_counter()
    values: list[np.ndarray] = []
    for row in codes.encode(rows):
        if values and time.perf_counter() - started > seconds:
            break
        values.append(_walk(answer, codes, row, hidden, order.permutation(len(row))))
    return np.stack(values), answer(codes.decode(hidden)).mean(axis=0)


def _walk(answer: Answer, codes: CodedFrame, row: np.ndarray, hidden: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the values (n_features, n_outputs) of a row (n_features,), by one order and its reverse."""
    rank = np.argsort(order)
    known = np.arange(len(row) + 1)[:, None] > rank  # after so many steps, by feature
    ways = np.stack([known, ~known[::-1]])  # the second begins with the last feature of the order
    mixed = np.where(ways[:, :, None], row, hidden)
    answers = answer(codes.decode(mixed.reshape(-1, len(row))))
    means = answers.reshape(2, len(row) + 1, len(hidden), -1).mean(axis=2)
    forth, back = np.diff(means, axis=1)
    return (forth[rank] + back[::-1][rank]) / 2
