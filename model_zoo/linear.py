"""Linear models: logistic regression with an L2 penalty for classes, ridge regression for numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_zoo.arrays import dump_arrays, load_arrays
from model_zoo.family import Estimator, Family, Sample
from model_zoo.scaling import Scaling, fit_scaling
from model_zoo.search import Params, Space

NEWTON_LIMIT = 600
"""Coefficients up to which Newton's method is used: exact in some ten steps, but each solves a dense system."""


@dataclass(frozen=True)
class LinearParams:
    """``l2_penalty`` is scikit-learn's alpha of Ridge and 1 / C of LogisticRegression."""

    l2_penalty: float = 1.0


@dataclass(frozen=True)
class LinearWeights:
    """One row of coefficients an output, for scaled columns: (n_outputs, n_columns) and (n_outputs,).

    A target of two classes has one output, the log-odds of the second; more classes have one output each.
    """

    scaling: Scaling
    coefficients: np.ndarray
    intercepts: np.ndarray


class Linear(Family):
    """Adds up columns: little variance, quick, and the natural explanation; extrapolates worst on damaged input."""

    name = "linear"
    settings = LinearParams
    variants = ("onehot", "target", "spelling")

    def draw(self, space: Space) -> Params:
        """Search the penalty, against columns of about unit variance.

        Below 0.01 the fit no longer changes noticeably on a few hundred rows and takes several times as long to
        converge; above 1,000 little but the intercept is left on as many rows as a batch has.
        """
        return {"l2_penalty": space.real("l2_penalty", 1e-2, 1e3, log=True)}

    def learn(self, sample: Sample, settings: LinearParams, *, seed: int, threads: int) -> LinearWeights:  # noqa: ARG002
        """Fit coefficients; both methods are deterministic, so the seed is not needed."""
        scaling = fit_scaling(sample.table.values)
        scaled = scaling.apply(sample.table.values)
        model = _build(sample, settings.l2_penalty).fit(scaled, sample.target, sample_weight=sample.weights)
        coefficients = np.atleast_2d(model.coef_).astype(np.float64)
        return LinearWeights(scaling, coefficients, np.atleast_1d(model.intercept_).astype(np.float64))

    def answer(self, estimator: Estimator, values: np.ndarray) -> np.ndarray:
        """Return one matrix product, as probabilities for classes."""
        learned = estimator.learned
        outputs = learned.scaling.apply(values) @ learned.coefficients.T + learned.intercepts
        if not estimator.task.is_classification:
            return outputs[:, 0]
        return _softmax(outputs if outputs.shape[1] > 1 else np.column_stack([np.zeros(len(outputs)), outputs]))

    def dump_learned(self, learned: LinearWeights) -> dict[str, bytes]:
        """Return the arrays."""
        arrays = dump_arrays(coefficients=learned.coefficients, intercepts=learned.intercepts, **vars(learned.scaling))
        return {"linear.npz": arrays}

    def load_learned(self, parts: Mapping[str, bytes]) -> LinearWeights:
        """Return the weights in the arrays."""
        arrays = load_arrays(parts["linear.npz"])
        coefficients, intercepts = arrays.pop("coefficients"), arrays.pop("intercepts")
        return LinearWeights(Scaling(**arrays), coefficients, intercepts)


def _build(sample: Sample, penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    if not sample.task.is_classification:
        return Ridge(alpha=penalty, solver="cholesky")
    n_coefficients = len(sample.table.names) * sample.n_classes
    solver = "newton-cholesky" if n_coefficients <= NEWTON_LIMIT else "lbfgs"
    return LogisticRegression(C=1 / penalty, solver=solver, max_iter=2000, tol=1e-4)


def _softmax(outputs: np.ndarray) -> np.ndarray:
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
