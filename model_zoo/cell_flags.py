"""Flags of cells, without any label: which are unexpectedly missing, out of range or of an unseen level."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.column_verdicts import ColumnVerdict, judge_columns
from pointsman.model_zoo.reference import InputReference
from pointsman.model_zoo.unusual import find_unseen, look_at_numbers


@dataclass(frozen=True)
class CellFlags:
    """Cell by cell, each (n_rows, n_features) bool, features in the reference's order: numeric, then categorical.

    ``drifting`` names the features that drift as a whole; no cell of theirs is out of range or unseen.
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
    features: pd.DataFrame | Cells, reference: InputReference, verdict: ColumnVerdict | None = None
) -> CellFlags:
    """Compare every cell of (n_rows, n_features) with what is normal; an absent feature is missing in every row.

    ``verdict`` is what was decided on whole columns of a request of which these rows are a part; without it they are
    judged by the rows themselves.
    """
    cells = Cells.of(features)
    if verdict is None:
        verdict = judge_columns(cells, reference)
    known, out_of_range = look_at_numbers(cells, reference)
    n_numeric = len(reference.numeric_names)
    shape = (len(cells), len(reference.names))
    missing, outside, unseen = (np.zeros(shape, dtype=bool) for _ in range(3))
    missing[:, :n_numeric], outside[:, :n_numeric] = ~known, out_of_range
    outside[:, verdict.news_usual] = False  # models must see drift, so its cells are not flagged
    for place, (name, normal) in enumerate(reference.categorical.items(), start=n_numeric):
        column = cells.read_levels(name)
        missing[:, place] = column.codes < 0
        if not verdict.news_usual[place] and (cells_unseen := find_unseen(column, normal)) is not None:
            unseen[:, place] = cells_unseen
    return CellFlags(
        names=reference.names,
        missing=missing & ~verdict.gaps_usual,
        out_of_range=outside,
        unseen=unseen,
        drifting=verdict.drifting,
    )


def find_anomalous(
    cells: Cells, reference: InputReference, verdict: ColumnVerdict | None = None
) -> dict[str, np.ndarray]:
    """Return the anomalous cells (n_rows,) bool of the features that have any; ``verdict`` as in ``flag_cells``."""
    _, outside = look_at_numbers(cells, reference)
    found = {reference.numeric_names[place]: outside[:, place] for place in np.flatnonzero(outside.any(axis=0))}
    for name, normal in reference.categorical.items():
        unseen = find_unseen(cells.read_levels(name), normal)
        if unseen is not None and unseen.any():
            found[name] = unseen
    if not found:
        return found
    excused = (judge_columns(cells, reference) if verdict is None else verdict).news_usual
    return {name: hit for name, hit in found.items() if not excused[reference.names.index(name)]}
