"""Standard errors of linear coefficients, from the curvature that a linear model keeps of the rows it learned.

The curvature of losses and penalty at the minimum is the inverse covariance of the coefficients (Laplace's
approximation; Bishop 2006, 4.4). Old rows count less with every update, so that intervals widen where few rows are new.
"""

import numpy as np

from pointsman.model_zoo.linear import INTERCEPT_PENALTY, LinearWeights


def compute_errors(learned: LinearWeights, l2_penalty: float, noise: float | None) -> np.ndarray:
    """Return the standard error (n_outputs, n_columns + 1) of each coefficient, that of the intercept last.

    ``noise`` is the variance of a numeric target around its prediction; None for classes, whose losses know their own.
    Where only the diagonal of the curvature is kept, an error is that of a coefficient if all others were known.
    """
    n_outputs, n_columns = learned.coefficients.shape
    free = INTERCEPT_PENALTY if noise is None else 0.0
    penalties = np.tile([l2_penalty] * n_columns + [free], n_outputs)
    root = learned.root.astype(np.float64)
    if root.ndim == 1:
        variance = 1 / np.maximum(root**2 + penalties, np.finfo(float).tiny)
    else:
        variance = np.linalg.inv(root.T @ root + np.diag(penalties)).diagonal()
    errors: np.ndarray = np.sqrt(variance * (1.0 if noise is None else noise)).reshape(n_outputs, n_columns + 1)
    return errors


def is_conditional(learned: LinearWeights) -> bool:
    """Return whether errors leave out how coefficients depend on each other, since these are too many."""
    return learned.root.ndim == 1
