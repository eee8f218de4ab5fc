"""Linear models: logistic regression with an L2 penalty for classes, ridge regression for numbers.

A fit minimises ``loss(rows) + penalty(w)``. An update keeps what old rows said as a parabola around the old
coefficients (Laplace's approximation; for numbers it is exact, and is recursive least squares with forgetting): its
curvature is the faded second derivative of the old losses, and since the old coefficients were a minimum, its slope
there is minus that of the penalty. A fit is an update of coefficients of zero about which nothing is known, so one
piece of code does both. The penalty itself never fades.

Source: Bishop (2006), Pattern Recognition and Machine Learning, 4.3 to 4.5; Haykin (2002), Adaptive Filter Theory, 9.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pointsman.common.task import Task
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.model_zoo.estimator import Estimator, Sample
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.scaling import Scaling, fit_scaling
from pointsman.model_zoo.search import Params, Space
from pointsman.model_zoo.terms import Terms

NEWTON_LIMIT = 600
"""Coefficients up to which second derivatives are kept as a matrix and classes are fitted by Newton's method.

It is exact in some ten steps, but each solves a dense system, and the matrix of 600 takes 0.7 MB of a version.
"""

HALF_LIFE = 2.5
"""Updates after which an old row counts half. A version then rests on the newest 4.1 batches' worth of rows, whose mean
age is that of a window of some eight: with slow drift it lags no further behind than a refit on ten batches does."""

FADE = 0.5 ** (1 / HALF_LIFE)

INTERCEPT_PENALTY = 0.01
"""Penalty of the intercepts of classes: it keeps that of an absent class finite, and is too small to notice."""

PRECISION = 1e-12
"""A fit ends when a step would lower the loss by less than this share of the loss it began with."""

MAX_STEPS = 100

LEAST_CURVATURE = 1e-7
"""Share of the largest curvature that is added to all of them, so that float32 can hold a root of them."""


@dataclass(frozen=True)
class LinearParams:
    """``l2_penalty`` is scikit-learn's alpha of Ridge and 1 / C of LogisticRegression."""

    l2_penalty: float = 1.0


@dataclass(frozen=True)
class LinearWeights:
    """One row of coefficients an output, for scaled columns: (n_outputs, n_columns) and (n_outputs,).

    A target of two classes has one output, the log-odds of the second; more classes have one output each.

    ``root`` holds what past rows say about the coefficients, output by output with each intercept last: a triangle R
    (n, n) float32 with R'R the second derivative of their faded losses, or above NEWTON_LIMIT the root (n,) of its
    diagonal.
    """

    scaling: Scaling
    coefficients: np.ndarray
    intercepts: np.ndarray
    root: np.ndarray


class Linear(Family):
    """Adds up columns: little variance, quick, and the natural explanation; extrapolates worst on damaged input."""

    name = "linear"
    settings = LinearParams
    variants = ("onehot", "target", "spelling")
    can_update = True
    shap = "coefficient times distance from the training mean"

    def draw(self, space: Space) -> Params:
        """Search the penalty, against columns of about unit variance.

        Below 0.01 the fit no longer changes noticeably on a few hundred rows and takes several times as long to
        converge; above 1,000 little but the intercept is left on as many rows as a batch has.
        """
        return {"l2_penalty": space.real("l2_penalty", 1e-2, 1e3, log=True)}

    def find_classes(self, sample: Sample) -> tuple[int, ...]:
        """Return every class code: one without rows has an output that says so, and that an update can move."""
        return tuple(range(sample.n_classes)) if sample.task.is_classification else ()

    def learn(self, sample: Sample, settings: LinearParams, *, seed: int, threads: int) -> LinearWeights:
        """Fit coefficients; the method is deterministic, so the seed is not needed."""
        n_columns = len(sample.table.names)
        n_outputs = sample.n_classes if sample.task.is_classification and sample.n_classes > 2 else 1
        n_coefficients = n_outputs * (n_columns + 1)
        shape = (n_coefficients, n_coefficients) if n_coefficients <= NEWTON_LIMIT else (n_coefficients,)
        blank = LinearWeights(
            fit_scaling(sample.table.values), np.zeros((n_outputs, n_columns)), np.zeros(n_outputs), np.zeros(shape)
        )
        return _advance(blank, sample, settings.l2_penalty)

    def relearn(
        self, estimator: Estimator, sample: Sample, settings: LinearParams, *, seed: int, threads: int
    ) -> LinearWeights:
        """Move the coefficients to where new rows and faded old ones agree; the scaling stays, so that they compare."""
        return _advance(estimator.learned, sample, settings.l2_penalty)

    def answer(self, estimator: Estimator, values: np.ndarray) -> np.ndarray:
        """Return one matrix product, as probabilities for classes."""
        learned = estimator.learned
        answers = self.link(estimator, learned.scaling.apply(values) @ learned.coefficients.T + learned.intercepts)
        return answers if estimator.task.is_classification else answers[:, 0]

    def explain(self, estimator: Estimator, values: np.ndarray) -> Terms:
        """Return coefficient times distance from the training mean, in log-odds or in the target's unit."""
        learned = estimator.learned
        scaled = learned.scaling.apply(values)  # the training mean of every column is 0
        return Terms(scaled[:, :, None] * learned.coefficients.T[None], learned.intercepts)

    def link(self, estimator: Estimator, margins: np.ndarray) -> np.ndarray:
        """Return probabilities of log-odds, or numbers as they are."""
        if not estimator.task.is_classification:
            return margins
        return _softmax(margins if margins.shape[1] > 1 else np.column_stack([np.zeros(len(margins)), margins]))

    def dump_learned(self, learned: LinearWeights) -> dict[str, bytes]:
        """Return the arrays."""
        root = learned.root if learned.root.ndim == 1 else learned.root[np.triu_indices(len(learned.root))]
        arrays = dump_arrays(
            coefficients=learned.coefficients, intercepts=learned.intercepts, root=root, **vars(learned.scaling)
        )
        return {"linear.npz": arrays}

    def load_learned(self, parts: Mapping[str, bytes]) -> LinearWeights:
        """Return the weights in the arrays."""
        arrays = load_arrays(parts["linear.npz"])
        coefficients, intercepts, stored = (arrays.pop(name) for name in ("coefficients", "intercepts", "root"))
        n_coefficients = coefficients.size + intercepts.size
        root = stored
        if n_coefficients <= NEWTON_LIMIT:
            root = np.zeros((n_coefficients, n_coefficients), dtype=np.float32)
            root[np.triu_indices(n_coefficients)] = stored
        return LinearWeights(Scaling(**arrays), coefficients, intercepts, root)


@dataclass(frozen=True)
class _Objective:
    """What an update minimises over flat coefficients w (n,): losses of rows, the parabola of past ones, a penalty.

    ``design`` (n_rows, n_columns + 1) is the scaled rows with a last column of ones, ``target`` their numbers or class
    codes and ``weights`` their weights. The parabola begins at ``start`` (n,) with the slope ``pull`` (n,) and the
    curvature of ``root``, both faded; ``penalty`` (n,) is that of each coefficient.
    """

    design: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    task: Task
    n_outputs: int
    start: np.ndarray
    pull: np.ndarray
    root: np.ndarray
    penalty: np.ndarray

    def measure(self, coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective and its slope (n,)."""
        outputs = self.design @ coefficients.reshape(self.n_outputs, -1).T
        losses, slopes = self._compare(outputs)
        step = coefficients - self.start
        rooted = _multiply(self.root, step)
        past = rooted @ rooted / 2 + self.pull @ step
        slope = ((self.weights[:, None] * slopes).T @ self.design).ravel()
        slope += _multiply(self.root.T, rooted) + self.pull + self.penalty * coefficients
        return float(self.weights @ losses + past + self.penalty @ coefficients**2 / 2), slope

    def curve(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the second derivative of rows and faded past together: (n, n), or its diagonal (n,)."""
        predicted = self._predict(self.design @ coefficients.reshape(self.n_outputs, -1).T)
        if self.root.ndim == 1:
            bends = np.stack([self._bend(predicted, output, output) for output in range(self.n_outputs)])
            return self.root**2 + (bends @ self.design**2).ravel()
        width = self.design.shape[1]
        curvature = self.root.T @ self.root
        for row in range(self.n_outputs):
            for column in range(row + 1):
                block = (self.design * self._bend(predicted, row, column)[:, None]).T @ self.design
                across, down = (slice(place * width, (place + 1) * width) for place in (row, column))
                curvature[across, down] += block
                if row != column:
                    curvature[down, across] += block.T
        return curvature

    def _predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return numbers or probabilities in the shape of the outputs (n_rows, n_outputs)."""
        if not self.task.is_classification:
            return outputs
        return _softmax(outputs) if self.n_outputs > 1 else 1 / (1 + np.exp(-np.clip(outputs, -500, 500)))

    def _compare(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the loss of each row (n_rows,) and its slope in the outputs (n_rows, n_outputs)."""
        if self.n_outputs > 1:
            wanted = np.eye(self.n_outputs)[self.target]
            total = np.logaddexp.reduce(outputs, axis=1)
            return total - (outputs * wanted).sum(axis=1), self._predict(outputs) - wanted
        slopes = self._predict(outputs) - self.target[:, None]
        if self.task.is_classification:
            return np.logaddexp(0, outputs[:, 0]) - self.target * outputs[:, 0], slopes
        return slopes[:, 0] ** 2 / 2, slopes

    def _bend(self, predicted: np.ndarray, row: int, column: int) -> np.ndarray:
        """Return the weighted second derivative (n_rows,) of each loss in two outputs."""
        if not self.task.is_classification:
            return self.weights
        return self.weights * predicted[:, row] * ((row == column) - predicted[:, column])


def _advance(old: LinearWeights, sample: Sample, penalty: float) -> LinearWeights:
    """Return the weights after a sample."""
    scaled = old.scaling.apply(sample.table.values)
    n_outputs, n_columns = old.coefficients.shape
    free = INTERCEPT_PENALTY if sample.task.is_classification else 0.0
    # The old fit ended where the slopes of losses and penalty cancel: ``pull`` is that of the losses, faded.
    start = np.column_stack([old.coefficients, old.intercepts]).ravel()
    penalties = np.tile([penalty] * n_columns + [free], n_outputs)
    objective = _Objective(
        design=np.column_stack([scaled, np.ones(len(scaled))]),
        target=sample.target,
        weights=np.ones(len(scaled)) if sample.weights is None else sample.weights,
        task=sample.task,
        n_outputs=n_outputs,
        start=start,
        pull=-FADE * penalties * start,
        root=old.root.astype(np.float64) * np.sqrt(FADE),
        penalty=penalties,
    )
    coefficients, curvature = (_minimise_by_newton if old.root.ndim == 2 else _minimise_by_lbfgs)(objective)
    each = coefficients.reshape(n_outputs, -1)
    return LinearWeights(old.scaling, each[:, :-1], each[:, -1], _take_root(curvature))


def _minimise_by_newton(objective: _Objective) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients (n,) at the minimum and the curvature there; steps are halved until they go down."""
    coefficients = objective.start
    value, slope = objective.measure(coefficients)
    enough = PRECISION * value
    for _ in range(MAX_STEPS):
        curvature = objective.curve(coefficients)
        step = np.linalg.solve(curvature + np.diag(objective.penalty), -slope)
        if -slope @ step <= enough:
            break
        tried = objective.measure(coefficients + step)
        while tried[0] > value:
            step = step / 2
            tried = objective.measure(coefficients + step)
        coefficients, (value, slope) = coefficients + step, tried
    return coefficients, curvature


def _minimise_by_lbfgs(objective: _Objective) -> tuple[np.ndarray, np.ndarray]:
    """Return the same, found in units in which every coefficient bends the objective alike."""
    from scipy.optimize import minimize

    unit = 1 / np.sqrt(objective.curve(objective.start) + objective.penalty)

    def measure(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = objective.measure(scaled * unit)
        return value, slope * unit

    options = {"maxiter": 2000, "maxfun": 4000, "ftol": 1e-11, "gtol": 0.0}
    coefficients = minimize(measure, objective.start / unit, jac=True, method="L-BFGS-B", options=options).x * unit
    return coefficients, objective.curve(coefficients)


def _take_root(curvature: np.ndarray) -> np.ndarray:
    """Return a root of a curvature in float32: a root stays one of something positive however it is rounded."""
    if curvature.ndim == 1:
        return np.sqrt(curvature).astype(np.float32)
    least = LEAST_CURVATURE * curvature.diagonal().max()
    root: np.ndarray = np.linalg.cholesky(curvature + least * np.eye(len(curvature)), upper=True)
    return root.astype(np.float32)


def _multiply(root: np.ndarray, step: np.ndarray) -> np.ndarray:
    return root * step if root.ndim == 1 else root @ step


def _softmax(outputs: np.ndarray) -> np.ndarray:
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
