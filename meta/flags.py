"""Flags of rows, without any label: which cells are unexpectedly missing, out of range or of an unseen level."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from meta.reference import InputReference

OFTEN_MISSING = 0.25
"""A feature that is missing in a larger share of the training rows is expected to be missing."""


@dataclass(frozen=True)
class CellFlags:
    """Cell by cell, each (n_rows, n_features) bool, features in the reference's order: numeric, then categorical."""

    names: tuple[str, ...]
    missing: np.ndarray
    out_of_range: np.ndarray
    unseen: np.ndarray

    @property
    def anomalous(self) -> np.ndarray:
        """Cells that hold something no training row held."""
        return self.out_of_range | self.unseen


def flag_cells(features: pd.DataFrame, reference: InputReference) -> CellFlags:
    """Compare every cell of (n_rows, n_features) with what is normal; an absent feature is missing in every row."""
    names = (*reference.numeric, *reference.categorical)
    shape = (len(features), len(names))
    missing, out_of_range, unseen = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
    for position, name in enumerate(names):
        normal = reference.numeric.get(name) or reference.categorical[name]
        if name not in features:
            missing[:, position] = normal.missing_share <= OFTEN_MISSING
            continue
        cells = features[name]
        if normal.missing_share <= OFTEN_MISSING:
            missing[:, position] = cells.isna()
        if name in reference.numeric:
            numbers = cells.to_numpy(dtype=float)
            bounds = reference.numeric[name]
            out_of_range[:, position] = (numbers < bounds.low) | (numbers > bounds.high)
        else:
            unseen[:, position] = _find_unseen(cells, reference.categorical[name].levels)
    return CellFlags(names, missing, out_of_range, unseen)


def _find_unseen(cells: pd.Series, levels: frozenset[str]) -> np.ndarray:
    codes, distinct = pd.factorize(cells)
    unknown = np.array([level not in levels for level in distinct] + [False])
    return unknown[codes]


def find_sparse_rows(flags: CellFlags, share: float) -> np.ndarray:
    """Return (n_rows,) True where more than ``share`` of a row's normally known cells are missing."""
    return flags.missing.sum(axis=1) > share * max(1, flags.missing.shape[1])


def find_anomalous_rows(flags: CellFlags, cells: int) -> np.ndarray:
    """Return (n_rows,) True where at least ``cells`` cells of a row are out of range or of an unseen level."""
    return flags.anomalous.sum(axis=1) >= cells
