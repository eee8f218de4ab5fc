"""Flags of cells, without any label: which are unexpectedly missing, out of range or of an unseen level."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from model_zoo.reference import InputReference

OFTEN_MISSING = 0.25
"""A feature that is missing in a larger share of the training rows is expected to be missing."""

DRIFTING_SHARE = 0.6
"""A number that is out of range in a larger share of the known cells of a table has drifted: it is no error."""

MIN_DRIFT_ROWS = 30
"""With fewer known cells a drift cannot be told from errors, and cells are judged one by one."""


@dataclass(frozen=True)
class CellFlags:
    """Cell by cell, each (n_rows, n_features) bool, features in the reference's order: numeric, then categorical.

    ``drifting`` names the features that are out of range as a whole; their cells are not flagged.
    """

    names: tuple[str, ...]
    missing: np.ndarray
    out_of_range: np.ndarray
    unseen: np.ndarray
    drifting: tuple[str, ...] = ()

    @property
    def anomalous(self) -> np.ndarray:
        """Cells that hold something no training row held."""
        return self.out_of_range | self.unseen

    def take(self, rows: np.ndarray) -> "CellFlags":
        """Return the flags of some rows."""
        return CellFlags(self.names, self.missing[rows], self.out_of_range[rows], self.unseen[rows], self.drifting)


def flag_cells(features: pd.DataFrame, reference: InputReference) -> CellFlags:
    """Compare every cell of (n_rows, n_features) with what is normal; an absent feature is missing in every row."""
    names = (*reference.numeric, *reference.categorical)
    bounds = tuple(reference.numeric.values())
    numbers = read_numbers(features, reference)
    low, high = (np.array([getattr(one, side) for one in bounds], dtype=float) for side in ("low", "high"))
    out_of_range = (numbers < low) | (numbers > high)
    known = ~np.isnan(numbers)
    counts = known.sum(axis=0)
    drifts = (out_of_range.sum(axis=0) > DRIFTING_SHARE * counts) & (counts >= MIN_DRIFT_ROWS)
    out_of_range[:, drifts] = False
    missing_levels, unseen = _flag_levels(features, reference)
    expected = np.array([_is_often_missing(reference, name) for name in names], dtype=bool)
    missing = np.concatenate([~known, missing_levels], axis=1) & ~expected
    nothing = np.zeros(out_of_range.shape, dtype=bool)
    return CellFlags(
        names=names,
        missing=missing,
        out_of_range=np.concatenate([out_of_range, np.zeros(unseen.shape, dtype=bool)], axis=1),
        unseen=np.concatenate([nothing, unseen], axis=1),
        drifting=tuple(name for name, drifting in zip(reference.numeric, drifts, strict=True) if drifting),
    )


def read_numbers(features: pd.DataFrame, reference: InputReference) -> np.ndarray:
    """Return the reference's numeric features (n_rows, n_numeric) as float64; an absent one is NaN."""
    return features.reindex(columns=list(reference.numeric)).to_numpy(dtype=float, na_value=np.nan)


def _flag_levels(features: pd.DataFrame, reference: InputReference) -> tuple[np.ndarray, np.ndarray]:
    shape = (len(features), len(reference.categorical))
    missing, unseen = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for position, (name, normal) in enumerate(reference.categorical.items()):
        if name not in features:
            missing[:, position] = True
            continue
        codes, distinct = pd.factorize(features[name])
        unknown = np.array([level not in normal.levels for level in distinct] + [False])
        missing[:, position], unseen[:, position] = codes < 0, unknown[codes]
    return missing, unseen


def _is_often_missing(reference: InputReference, name: str) -> bool:
    normal = reference.numeric.get(name) or reference.categorical[name]
    return normal.missing_share > OFTEN_MISSING
