"""Quarantine: rows beyond repair, each with the first reason that applies."""

import numpy as np

from pointsman.common.records import QuarantinedRow
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.quarantine.reasons import REPEATED, TARGET_MISSING, TARGET_UNKNOWN, TIME_UNREADABLE


def find_reasons(evidence: CheckedBatch) -> np.ndarray:
    """Return (n_rows,) objects: why a row is quarantined, '' for a row that is kept.

    In order: its time cannot be read, its label is missing, its label is not a known class or number, an order rule is
    broken, (with quality.duplicates 'quarantine') it repeats an earlier row cell by cell, and what checks of severity
    'quarantine' found.
    """
    quality = evidence.config.quality
    masks = {
        TIME_UNREADABLE: evidence.time_unreadable,
        TARGET_MISSING: evidence.target_missing,
        TARGET_UNKNOWN: evidence.target_unknown,
    }
    for rule in quality.orders:
        masks[f"{rule.later} before {rule.earlier}"] = evidence.find_disordered(rule)
    if quality.duplicates == "quarantine":
        masks[REPEATED] = evidence.copies
    masks |= evidence.put_aside
    reasons = np.full(evidence.rows, "", dtype=object)
    for reason, mask in reversed(masks.items()):
        reasons[mask] = reason
    return reasons


def list_quarantined(reasons: np.ndarray) -> tuple[QuarantinedRow, ...]:
    """Return the quarantined rows in the order of the batch."""
    return tuple(QuarantinedRow(int(row), reasons[row]) for row in np.flatnonzero(reasons))


def count_reasons(reasons: np.ndarray) -> dict[str, int]:
    """Return how many rows each reason keeps out, most frequent first.

    >>> count_reasons(np.array(["", "target missing", "target missing"], dtype=object))
    {'target missing': 2}
    """
    names, counts = np.unique(reasons[reasons != ""].astype(str), return_counts=True)
    return {str(names[place]): int(counts[place]) for place in np.argsort(-counts, kind="stable")}
