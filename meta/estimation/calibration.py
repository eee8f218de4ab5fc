"""Calibration of outputs without labels: corrected probabilities of classes, or the size of a regression's errors.

Both rest on what past outputs turned out to be worth. Rows are counted in cells (bins of the output, flagged rows
apart), in one table per batch, so that a fit for any weighting of the batches costs next to nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LOGIT_BINS = np.linspace(-9.0, 9.0, 73)
PRIOR_STRENGTH = 1.0
"""Precision of the prior that outputs are right as they are: as much as four rows at a probability of 0.5 tell."""
NEWTON_STEPS = 12
ERROR_BINS = 10
FEW_ROWS = 30
"""Weight, in rows, of the mean error over all bins in each bin's own mean."""


@dataclass(frozen=True, eq=False)
class IntervalCalibration:
    """Platt's correction, one of each class against the others: (n_columns, 4) coefficients of ``_design``.

    A binary target has one column, that of the second class.
    """

    coefficients: np.ndarray

    def calibrate(self, outputs: np.ndarray, flagged: np.ndarray) -> np.ndarray:
        """Return the corrected probabilities (n_rows, n_classes) of outputs (n_rows, n_classes)."""
        judged = outputs[:, -1:] if len(self.coefficients) == 1 else outputs
        logits = to_logits(judged)
        columns = [
            _sigmoid(_design(logits[:, place], flagged) @ coefficients)
            for place, coefficients in enumerate(self.coefficients)
        ]
        calibrated = np.column_stack(columns)
        if len(self.coefficients) == 1:
            return np.column_stack([1 - calibrated, calibrated])
        return calibrated / calibrated.sum(axis=1, keepdims=True)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {"coefficients": self.coefficients.tolist()}


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """Expected squared and absolute error by the prediction.

    centres: (n_bins,) predictions, rising; ``squares`` and ``sizes`` (n_bins,) are the mean squared and absolute errors
             there; values in between are interpolated
    flagged: factors of both for a row that is not clean
    """

    centres: np.ndarray
    squares: np.ndarray
    sizes: np.ndarray
    flagged: tuple[float, float]

    def calibrate(self, outputs: np.ndarray, flagged: np.ndarray) -> np.ndarray:
        """Return the expected squared and absolute errors (n_rows, 2) of outputs (n_rows, 1)."""
        predicted = outputs[:, 0]
        factors = np.where(flagged[:, None], self.flagged, 1.0)
        by_output = [np.interp(predicted, self.centres, known) for known in (self.squares, self.sizes)]
        return np.column_stack(by_output) * factors

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "centres": self.centres.tolist(),
            "squares": self.squares.tolist(),
            "sizes": self.sizes.tolist(),
            "flagged": list(self.flagged),
        }


Calibrations = IntervalCalibration | ErrorModel


def load_calibrations(stored: Mapping[str, Any]) -> Calibrations:
    """Return the calibrations that ``to_json`` described."""
    if "coefficients" in stored:
        return IntervalCalibration(np.array(stored["coefficients"]))
    centres, squares, sizes = (np.array(stored[name]) for name in ("centres", "squares", "sizes"))
    first, second = stored["flagged"]
    return ErrorModel(centres, squares, sizes, (first, second))


def to_logits(probabilities: np.ndarray) -> np.ndarray:
    """Return log-odds, held within the bins."""
    held = np.clip(probabilities.astype(float), 1e-4, 1 - 1e-4)
    return np.log(held / (1 - held))


@dataclass(frozen=True, eq=False)
class ClassCells:
    """Past outputs counted: (n_batches, n_columns, n_cells) rows and, of them, those of the column's class."""

    rows: np.ndarray
    hits: np.ndarray

    def fit(self, weights: np.ndarray) -> IntervalCalibration:
        """Return the calibration fitted to the first n batches, weighted by ``weights`` (n,)."""
        rows = np.tensordot(weights, self.rows[: len(weights)], axes=1)
        hits = np.tensordot(weights, self.hits[: len(weights)], axes=1)
        return IntervalCalibration(np.stack([_fit_platt(*column) for column in zip(rows, hits, strict=True)]))


@dataclass(frozen=True, eq=False)
class ErrorCells:
    """Past errors counted: (n_batches, 4, 2, n_bins) sums of ones, predictions, squared and absolute errors.

    The third axis tells clean rows from flagged ones.
    """

    sums: np.ndarray

    def fit(self, weights: np.ndarray) -> ErrorModel:
        """Return the error model of the first n batches, weighted by ``weights`` (n,)."""
        rows, predictions, squares, sizes = np.tensordot(weights, self.sums[: len(weights)], axes=1)
        by_bin, filled = rows.sum(axis=0), rows.sum(axis=0) > 0
        centres = predictions.sum(axis=0)[filled] / by_bin[filled]
        means, factors = [], []
        for sums in (squares, sizes):
            overall = sums.sum() / rows.sum()
            mean = (sums.sum(axis=0) + FEW_ROWS * overall) / (by_bin + FEW_ROWS)
            # The errors of flagged rows if they were like all rows of their bins; the factor says how they differ.
            expected = (rows[1] * mean).sum()
            shrunk = FEW_ROWS * overall
            factors.append(float((sums[1].sum() + shrunk) / (expected + shrunk)) if shrunk > 0 else 1.0)
            means.append(mean[filled])
        order = np.argsort(centres)
        return ErrorModel(centres[order], means[0][order], means[1][order], (factors[0], factors[1]))


def count_classes(
    outputs: Sequence[np.ndarray], flagged: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> ClassCells:
    """Count (n_rows, n_classes) outputs, whether rows are flagged and class codes (n_rows,), one entry per batch."""
    rows, hits = [], []
    for known, flags, target in zip(outputs, flagged, targets, strict=True):
        columns = [known.shape[1] - 1] if known.shape[1] == 2 else range(known.shape[1])
        logits = to_logits(known)
        cells = np.clip(np.searchsorted(LOGIT_BINS, logits) - 1, 0, len(LOGIT_BINS) - 2)
        cells = cells + (len(LOGIT_BINS) - 1) * flags[:, None]
        n_cells = 2 * (len(LOGIT_BINS) - 1)
        rows.append([np.bincount(cells[:, place], minlength=n_cells) for place in columns])
        hits.append([np.bincount(cells[:, place], weights=target == place, minlength=n_cells) for place in columns])
    return ClassCells(np.array(rows, dtype=float), np.array(hits))


def count_errors(
    outputs: Sequence[np.ndarray], flagged: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> ErrorCells:
    """Count (n_rows, 1) outputs, whether rows are flagged and numbers (n_rows,), one entry per batch."""
    edges = np.quantile(np.concatenate([known[:, 0] for known in outputs]), np.linspace(0, 1, ERROR_BINS + 1)[1:-1])
    sums = []
    for known, flags, target in zip(outputs, flagged, targets, strict=True):
        predicted = known[:, 0].astype(float)
        cells = np.searchsorted(edges, predicted) + ERROR_BINS * flags
        error = target - predicted
        columns = (np.ones(len(error)), predicted, error**2, np.abs(error))
        counted = [np.bincount(cells, weights=column, minlength=2 * ERROR_BINS) for column in columns]
        sums.append(np.reshape(counted, (len(columns), 2, ERROR_BINS)))
    return ErrorCells(np.array(sums))


def _fit_platt(rows: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Return coefficients (4,) of the design, by Newton's steps from a prior that leaves probabilities as they are."""
    filled = rows > 0
    centres = (LOGIT_BINS[1:] + LOGIT_BINS[:-1]) / 2
    flagged = np.repeat([0.0, 1.0], len(centres))
    design, rows, hits = _design(np.tile(centres, 2), flagged)[filled], rows[filled], hits[filled]
    prior = np.array([0.0, 1.0, 0.0, 0.0])
    fitted = prior
    for _ in range(NEWTON_STEPS):
        calibrated = _sigmoid(design @ fitted)
        slope = design.T @ (rows * calibrated - hits) + PRIOR_STRENGTH * (fitted - prior)
        curve = (design * (rows * calibrated * (1 - calibrated))[:, None]).T @ design + PRIOR_STRENGTH * np.eye(4)
        step = np.linalg.solve(curve, slope)
        fitted = fitted - step / max(1.0, np.abs(step).max())
    return fitted


def _design(logits: np.ndarray, flagged: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(logits)), logits, flagged, logits * flagged])


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
