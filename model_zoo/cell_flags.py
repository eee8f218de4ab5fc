"""Flags of cells, without any label: which are unexpectedly missing, out of range or of an unseen level."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from model_zoo.cells import Cells, Levels
from model_zoo.reference import InputReference, LevelReference

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

    @cached_property
    def anomalous(self) -> np.ndarray:
        """Cells that hold something no training row held."""
        return self.out_of_range | self.unseen

    @cached_property
    def shares(self) -> np.ndarray:
        """Shares (3, n_features) of the cells that are missing, out of range and unseen; 0 without rows."""
        parts = (self.missing, self.out_of_range, self.unseen)
        return np.stack([cells.mean(axis=0) if len(cells) else np.zeros(len(self.names)) for cells in parts])

    def take(self, rows: np.ndarray) -> "CellFlags":
        """Return the flags of some rows."""
        return CellFlags(self.names, self.missing[rows], self.out_of_range[rows], self.unseen[rows], self.drifting)


def flag_cells(
    features: pd.DataFrame | Cells, reference: InputReference, drifting: Collection[str] | None = None
) -> CellFlags:
    """Compare every cell of (n_rows, n_features) with what is normal; an absent feature is missing in every row.

    ``drifting`` names the features that are known to be out of range as a whole, where these rows are a part of a
    request; without it they are judged by the rows themselves.
    """
    cells = Cells.of(features)
    known, out_of_range = _look_at_numbers(cells, reference)
    drifts = (
        _find_drifting(out_of_range, known)
        if drifting is None
        else np.array([name in drifting for name in reference.numeric_names], dtype=bool)
    )
    out_of_range[:, drifts] = False
    n_numeric = len(reference.numeric_names)
    shape = (len(cells), len(reference.names))
    missing, outside, unseen = (np.zeros(shape, dtype=bool) for _ in range(3))
    missing[:, :n_numeric], outside[:, :n_numeric] = ~known, out_of_range
    for place, (name, normal) in enumerate(reference.categorical.items(), start=n_numeric):
        column = cells.read_levels(name)
        missing[:, place] = column.codes < 0
        if (cells_unseen := _find_unseen(column, normal)) is not None:
            unseen[:, place] = cells_unseen
    return CellFlags(
        names=reference.names,
        missing=missing & ~reference.often_missing(OFTEN_MISSING),
        out_of_range=outside,
        unseen=unseen,
        drifting=tuple(name for name, drifts_now in zip(reference.numeric_names, drifts, strict=True) if drifts_now),
    )


def find_anomalous(
    cells: Cells, reference: InputReference, drifting: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Return the anomalous cells (n_rows,) bool of the features that have any; ``drifting`` as in ``flag_cells``."""
    _, outside = _look_at_numbers(cells, reference)
    found = {}
    if outside.any():
        drifts = find_drifting(cells, reference) if drifting is None else drifting
        for place in np.flatnonzero(outside.any(axis=0)):
            name = reference.numeric_names[place]
            if name not in drifts:
                found[name] = outside[:, place]
    for name, normal in reference.categorical.items():
        unseen = _find_unseen(cells.read_levels(name), normal)
        if unseen is not None and unseen.any():
            found[name] = unseen
    return found


def find_drifting(features: pd.DataFrame | Cells, reference: InputReference) -> frozenset[str]:
    """Return the features that are out of range as a whole in these rows."""
    cells = Cells.of(features)
    if len(cells) < MIN_DRIFT_ROWS:
        return frozenset()
    known, outside = _look_at_numbers(cells, reference)
    drifts = _find_drifting(outside, known)
    return frozenset(name for name, drifts_now in zip(reference.numeric_names, drifts, strict=True) if drifts_now)


def _look_at_numbers(cells: Cells, reference: InputReference) -> tuple[np.ndarray, np.ndarray]:
    """Return which numbers (n_rows, n_numeric) are known, and which are out of their range."""
    numbers = cells.read_numbers(reference.numeric_names)
    return ~np.isnan(numbers), (numbers < reference.lows) | (numbers > reference.highs)


def _find_unseen(column: Levels, normal: LevelReference) -> np.ndarray | None:
    """Return which cells (n_rows,) hold a level that is not normal; None where no level of the column is one."""
    unknown = [level not in normal.levels for level in column.known]
    return np.array([*unknown, False])[column.codes] if True in unknown else None


def _find_drifting(out_of_range: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return which columns (n_numeric,) are out of range in most of their known cells (n_rows, n_numeric)."""
    counts = known.sum(axis=0)
    drifts: np.ndarray = (out_of_range.sum(axis=0) > DRIFTING_SHARE * counts) & (counts >= MIN_DRIFT_ROWS)
    return drifts
