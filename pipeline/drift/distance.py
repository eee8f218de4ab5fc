"""Data drift: how far the inputs of a batch lie from a reference, beside the distance that chance alone makes.

The distance is the Jensen-Shannon distance with base 2 (Lin 1991; Endres & Schindelin 2003): 0 for equal spreads, 1 for
spreads that share nothing. Target and labels play no part here; that is concept drift.
"""

import numpy as np
import pandas as pd
from scipy.special import rel_entr

from pointsman.common.errors import DataError
from pointsman.common.records import ColumnDrift
from pointsman.pipeline.drift.bins import LevelBins
from pointsman.pipeline.drift.reference import ColumnReference, Reference, compute_mean, read_column

NEW_LEVELS = 5
"""Unseen levels that are listed by name."""


def compute_drift(reference: Reference, inputs: pd.DataFrame) -> tuple[ColumnDrift, ...]:
    """Return the drift of every column of the reference in a batch's (n_rows, n_inputs) typed inputs.

    ``inputs`` are to be read and cleaned like those of the reference. Raises DataError where there is no row.
    """
    if not len(inputs):
        raise DataError("Drift cannot be measured on a batch without rows; give it at least one.")
    return tuple(
        _compare(name, column, reference.rows, read_column(inputs, name, reference))
        for name, column in reference.columns.items()
    )


def compute_distance(p: np.ndarray, q: np.ndarray) -> float:
    """Return the Jensen-Shannon distance of two distributions (n_bins,), base 2, in [0, 1].

    >>> compute_distance(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2 / np.log(2)
    return float(np.sqrt(np.clip(divergence, 0.0, 1.0)))


def compute_noise(p: np.ndarray, rows: int, batch_rows: int) -> float:
    """Return the root mean square distance between samples of ``rows`` and ``batch_rows`` rows drawn alike from ``p``.

    To second order the divergence is sum((p_i - q_i)^2 / p_i) / 8 in nats, and the variance of p_i - q_i is
    p_i (1 - p_i) (1 / rows + 1 / batch_rows). A bin too small for that adds at most p_i ln 2, as it does where each of
    its rows is in one sample only. Rows that depend on each other (the hours of one day) make more noise than this.
    Bins without any row of the reference are taken to stay empty: the noise of a constant column is 0.
    """
    variance = (1 - p) * (1 / rows + 1 / batch_rows) / 8
    return float(np.sqrt(np.minimum(variance, p * np.log(2)).sum() / np.log(2)))


def _compare(name: str, before: ColumnReference, rows: int, cells: pd.Series) -> ColumnDrift:
    p = np.array(before.counts) / rows
    q = before.bins.count(cells) / len(cells)
    moved = int(np.argmax(np.abs(q - p)))
    has_numbers = before.role != "categorical"
    new = before.bins.find_unseen(cells) / len(cells) if isinstance(before.bins, LevelBins) else pd.Series(dtype=float)
    return ColumnDrift(
        column=name,
        role=before.role,
        distance=compute_distance(p, q),
        noise=_compute_column_noise(before, rows, len(cells)),
        missing_before=float(p[-1]),
        missing_after=float(q[-1]),
        moved=before.bins.labels[moved],
        moved_before=float(p[moved]),
        moved_after=float(q[moved]),
        mean_before=before.mean,
        mean_after=compute_mean(cells) if has_numbers else None,
        new_levels=tuple((str(level), float(share)) for level, share in new.head(NEW_LEVELS).items()),
        new_share=float(new.sum()),
    )


def _compute_column_noise(before: ColumnReference, rows: int, batch_rows: int) -> float:
    p, expected = np.array(before.counts) / rows, np.array(before.expected) / rows
    return float(min(1.0, np.hypot(compute_noise(p, rows, batch_rows), compute_distance(p, expected))))
