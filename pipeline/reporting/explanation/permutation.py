"""Model-agnostic SHAP values by sampled permutations of the features (Castro, Gomez & Tejada 2009)."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.seeding import derive_seed, random_generator
from pointsman.pipeline.reporting.explanation.numpy_seed import seeded_numpy

BACKGROUND_ROWS = 20
"""Rows that stand for 'feature unknown'; every answer is averaged over them."""


@dataclass(frozen=True, eq=False)
class CodedFrame:
    """Turns a feature table into one float array and back, since the explainer mixes rows cell by cell."""

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
    answer: Callable[[pd.DataFrame], np.ndarray], rows: pd.DataFrame, background: pd.DataFrame, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return values (n_rows, n_features, n_outputs) and the base (n_outputs,) of a function of feature tables.

    ``answer`` returns (n_rows, n_outputs). One permutation, walked forwards and backwards, is drawn a row; the values
    of a row always add up to its answer less the base, the mean answer to ``background``.
    """
    import shap

    codes = fit_codes(background)
    drawn = random_generator(seed, "background").permutation(len(background))[:BACKGROUND_ROWS]
    coded_background = codes.encode(background.iloc[np.sort(drawn)])
    masker = shap.maskers.Independent(coded_background, max_samples=BACKGROUND_ROWS)
    permutations = derive_seed(seed, "permutations")
    with seeded_numpy(permutations), warnings.catch_warnings():  # the explainer seeds NumPy anew when it is made
        warnings.simplefilter("ignore")
        explainer = shap.explainers.Permutation(lambda coded: answer(codes.decode(coded)), masker, seed=permutations)
        explained = explainer(codes.encode(rows), max_evals=2 * rows.shape[1] + 1, silent=True)
    values = explained.values.reshape(len(rows), rows.shape[1], -1)
    return values, np.atleast_2d(explained.base_values)[0].reshape(-1)
