"""Calibration: probabilities stretched and shifted on the log-odds scale, learned on later rows.

Source: Platt (1999) for two classes, temperature scaling (Guo et al. 2017) for more.
"""

from dataclasses import dataclass

import numpy as np

from pointsman.common.metrics import EPSILON

LATER_SHARE = 0.2
"""Share of the newest training rows that a calibration is learned on, by a model of the rows before them."""
LEAST_ROWS = 100
STEPS = 30


@dataclass(frozen=True)
class Calibration:
    """``slope`` multiplies log-probabilities; ``shift`` is added to the log-odds of the second of two classes."""

    slope: float = 1.0
    shift: float = 0.0

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities (n_rows, n_classes); every row sums to 1.

        >>> Calibration(0.5).apply(np.array([[0.1, 0.9]])).round(2).tolist()
        [[0.25, 0.75]]
        """
        logs = self.slope * np.log(np.clip(probabilities, EPSILON, 1.0))
        if probabilities.shape[1] == 2:
            logs[:, 1] += self.shift
        raised = np.exp(logs - logs.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)


def fit_calibration(probabilities: np.ndarray, target: np.ndarray) -> Calibration:
    """Return the calibration with the least log-loss on rows the model had not learned.

    ``probabilities`` is (n_rows, n_classes), ``target`` (n_rows,) class codes. A weak pull towards leaving them as they
    are keeps few rows, or rows of one class, from being taken too seriously.
    """
    logs = np.log(np.clip(probabilities, EPSILON, 1.0))
    two = logs.shape[1] == 2
    truth = np.eye(logs.shape[1])[target.astype(int)]
    found = np.array([1.0, 0.0])
    for _ in range(STEPS):  # Newton's method: the loss is convex in both
        predicted = Calibration(*found).apply(probabilities)
        centred = logs - (predicted * logs).sum(axis=1, keepdims=True)
        gradient = np.array([((predicted - truth) * logs).sum(), (predicted - truth)[:, 1].sum() if two else 0.0])
        with_shift = (predicted[:, 1] * centred[:, 1]).sum() if two else 0.0
        spread = (predicted[:, 1] * (1 - predicted[:, 1])).sum() if two else 0.0
        hessian = np.array([[(predicted * centred**2).sum(), with_shift], [with_shift, spread]])
        step = np.linalg.solve(hessian + np.eye(2), gradient + found - np.array([1.0, 0.0]))
        found = found - np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-8:
            break
    return Calibration(float(max(found[0], 0.05)), float(found[1]))
