"""Data drift of a batch against a reference: how far each column's distribution has moved, and which way.

The distance is the Jensen-Shannon distance (Lin 1991) with logarithms to base 2, between 0 (equal) and 1 (disjoint).
``noise`` is what two samples of these sizes from one distribution are expected to show, so that a small batch is not
taken for a drifted one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

BINS = 10
MAX_LEVELS = 30


@dataclass(frozen=True)
class ColumnReference:
    """A column's shares by bin. ``edges`` bound numeric bins; ``levels`` name categorical ones. The last two bins are
    'other' (an unseen or rare level; unused for numbers) and 'missing'."""

    edges: tuple[float, ...]
    levels: tuple[str, ...]
    shares: tuple[float, ...]
    mean: float | None
    known_levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class DriftReference:
    """What the columns looked like in ``rows`` rows that the serving versions were trained on."""

    rows: int
    columns: Mapping[str, ColumnReference]

    def to_json(self) -> bytes:
        """Return the reference as JSON."""
        return json.dumps({"rows": self.rows, "columns": {n: vars(c) for n, c in self.columns.items()}}).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "DriftReference":
        """Return the reference that ``to_json`` described."""
        stored = json.loads(content)
        columns = {
            name: ColumnReference(
                **{key: tuple(cells) if isinstance(cells, list) else cells for key, cells in column.items()}
            )
            for name, column in stored["columns"].items()
        }
        return cls(stored["rows"], columns)


@dataclass(frozen=True)
class ColumnDrift:
    """How far a column moved; ``detail`` says from where to where."""

    column: str
    distance: float
    noise: float
    detail: dict[str, Any] = field(default_factory=dict)


def fit_drift_reference(features: pd.DataFrame) -> DriftReference:
    """Remember the distribution of every feature (n_rows, n_features)."""
    return DriftReference(len(features), {str(name): _fit_column(features[name]) for name in features})


def compute_drift(reference: DriftReference, features: pd.DataFrame) -> tuple[ColumnDrift, ...]:
    """Return the drift of every referenced column in a batch (n_rows, n_features); an absent column is all missing."""
    return tuple(
        _compare(name, known, reference.rows, features.get(name, pd.Series(np.nan, index=features.index)))
        for name, known in reference.columns.items()
    )


def _fit_column(cells: pd.Series) -> ColumnReference:
    if pd.api.types.is_numeric_dtype(cells):
        known = cells.dropna().to_numpy(dtype=float)
        edges = (
            tuple(float(edge) for edge in np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1))))
            if len(known)
            else ()
        )
        column = ColumnReference(edges, (), (), float(known.mean()) if len(known) else None)
    else:
        counts = cells.dropna().value_counts().sort_index().sort_values(ascending=False, kind="stable")
        column = ColumnReference((), tuple(counts.index[:MAX_LEVELS]), (), None, tuple(sorted(counts.index)))
    shares = tuple(float(share) for share in _bin_shares(column, cells))
    return ColumnReference(column.edges, column.levels, shares, column.mean, column.known_levels)


def _bin_shares(column: ColumnReference, cells: pd.Series) -> np.ndarray:
    """Return the shares by bin. A value on an edge has a bin of its own, so that a heap of zeros is seen to move."""
    if len(cells) == 0:
        return np.zeros(2 * len(column.edges) + 3 if not column.levels else len(column.levels) + 2)
    if pd.api.types.is_numeric_dtype(cells) and not column.known_levels:
        numbers = cells.to_numpy(dtype=float)
        edges = np.array(column.edges)
        left, right = np.searchsorted(edges, numbers, "left"), np.searchsorted(edges, numbers, "right")
        codes = np.where(np.isnan(numbers), 2 * len(edges) + 2, left + right)
        return np.bincount(codes, minlength=2 * len(edges) + 3) / len(cells)
    codes = pd.Index(column.levels).get_indexer(cells.astype("str"))
    codes = np.where(codes < 0, len(column.levels), codes)
    codes = np.where(cells.isna(), len(column.levels) + 1, codes)
    return np.bincount(codes, minlength=len(column.levels) + 2) / len(cells)


def _compare(name: str, known: ColumnReference, reference_rows: int, cells: pd.Series) -> ColumnDrift:
    before, after = np.array(known.shares), _bin_shares(known, cells)
    middle = (before + after) / 2
    divergence = (_entropy_terms(before, middle) + _entropy_terms(after, middle)) / 2
    detail: dict[str, Any] = {"missing_before": float(before[-1]), "missing_after": float(after[-1])}
    if known.mean is not None and cells.notna().any():
        detail |= {"mean_before": known.mean, "mean_after": float(cells.mean())}
    if known.known_levels:
        counts = cells.dropna().value_counts(normalize=True)
        new = counts[~counts.index.isin(known.known_levels)].sort_index().sort_values(ascending=False, kind="stable")
        detail |= {"new_levels": [str(level) for level in new.index[:10]], "new_share": float(new.sum())}
    noise = _expected_noise(int((middle > 0).sum()), reference_rows, len(cells))
    return ColumnDrift(name, float(np.sqrt(max(0.0, divergence))), noise, detail)


def _entropy_terms(shares: np.ndarray, middle: np.ndarray) -> float:
    used = shares > 0
    return float((shares[used] * np.log2(shares[used] / middle[used])).sum())


def _expected_noise(bins: int, first: int, second: int) -> float:
    """Return the distance that sampling alone gives: 2 n m / (n + m) times the divergence is about chi-squared with
    bins - 1 degrees of freedom over 4 ln 2 (second-order expansion of the divergence)."""
    if not first or not second or bins < 2:
        return 0.0
    effective = first * second / (first + second)
    return float(min(1.0, np.sqrt((bins - 1) / (8 * np.log(2) * effective))))
