"""Flags of rows, without any label: clean, sparse or anomalous, and how damaged each row is in a few numbers."""

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # an explanation needs the kinds of rows, and no rows
    from pointsman.model_zoo.cell_flags import CellFlags


class RowKind(IntEnum):
    """What kind of input a row is. Each kind has weights of its own in a plan."""

    CLEAN = 0
    SPARSE = 1
    ANOMALOUS = 2


QUALITIES = (
    "row_missing",
    "row_out_of_range",
    "row_unseen",
    "row_unusable",
    "request_missing",
    "request_out_of_range",
    "request_unseen",
    "request_unusable",
    "request_worst_column",
)
"""Names of the columns that ``measure_quality`` returns."""


def find_kinds(flags: "CellFlags") -> np.ndarray:
    """Return the RowKind of every row (n_rows,) int8.

    A row with a number out of range or an unseen level is anomalous; another one with an unexpectedly missing cell is
    sparse.
    """
    kinds = np.where(flags.missing.any(axis=1), RowKind.SPARSE, RowKind.CLEAN)
    return np.where(flags.anomalous.any(axis=1), RowKind.ANOMALOUS, kinds).astype(np.int8)


def measure_quality(flags: "CellFlags") -> np.ndarray:
    """Return (n_rows, len(QUALITIES)) float32: shares of damaged cells in the row, and in the request around it.

    A cell that is missing or anomalous is unusable: past the guard both are the same.
    """
    n_rows = len(flags.missing)
    if not n_rows or not flags.names:
        return np.zeros((n_rows, len(QUALITIES)), dtype=np.float32)
    parts = (flags.missing, flags.out_of_range, flags.unseen, flags.missing | flags.anomalous)
    by_row = [cells.mean(axis=1) for cells in parts]
    by_request = [np.full(n_rows, cells.mean()) for cells in parts]
    worst = np.full(n_rows, max(cells.mean(axis=0).max() for cells in parts))
    return np.column_stack([*by_row, *by_request, worst]).astype(np.float32)
