"""Fitting a candidate: its guard, its variant, its family and its calibration, on the rows that it learns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.seeding import random_generator
from pointsman.common.task import Task
from pointsman.model_zoo.calibration import LATER_SHARE, LEAST_ROWS, Calibration, fit_calibration
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.encoder import Encoder, fit_encoder
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.guard import guard
from pointsman.model_zoo.masking import add_masked_copies
from pointsman.model_zoo.model import Model, correct
from pointsman.model_zoo.reference import InputReference
from pointsman.model_zoo.reference_fitting import fit_input_reference
from pointsman.model_zoo.resampling import join_factors, resample

TREATMENTS = ("balance", "calibrate", "resample")
"""Parameters that are the candidate's own: no family sees them."""


@dataclass(frozen=True, eq=False)
class PreparedRows:
    """Rows as a candidate learns them: past its guard, with masked copies where it is masked, and encoded.

    All candidates of one variant and treatment can share them.
    """

    features: tuple[str, ...]
    encoder: Encoder
    table: EncodedTable
    target: np.ndarray
    normal: InputReference | None


def prepare_rows(
    candidate: Candidate, features: pd.DataFrame, target: np.ndarray, task: Task, seed: int
) -> PreparedRows:
    """Fit the candidate's guard and variant on (n_rows, n_features) past rows with their targets (n_rows,)."""
    normal = fit_input_reference(features) if candidate.guarded else None
    treated, target = treat_rows(candidate, normal, features, target, seed)
    copies = 2 if candidate.masked else 1
    encoder, table = fit_encoder(candidate.variant, treated, target, task, seed, copies)
    return PreparedRows(tuple(features.columns), encoder, table, target, normal)


def find_params(
    candidate: Candidate, rows: PreparedRows, task: Task, n_classes: int, seed: int, threads: int = 1
) -> Candidate:
    """Return the candidate with what its family finds out on rows before it learns them.

    Masked copies come after their rows but are not later in time, so they have no part in it.
    """
    own = {name: setting for name, setting in candidate.params.items() if name in TREATMENTS}
    params = {name: setting for name, setting in candidate.params.items() if name not in own}
    n_rows = len(rows.table) // (2 if candidate.masked else 1)
    settled = get_family(candidate.family).find_params(
        rows.table.take(slice(n_rows)),
        rows.target[:n_rows],
        task=task,
        n_classes=n_classes,
        params=params,
        seed=seed,
        threads=threads,
    )
    return candidate if settled is params else replace(candidate, params={**settled, **own})


def fit_model(
    candidate: Candidate,
    features: pd.DataFrame,
    target: np.ndarray,
    task: Task,
    classes: Sequence[str],
    seed: int,
    threads: int = 1,
) -> Model:
    """Fit a candidate on (n_rows, n_features) past rows with their targets (class codes or numbers)."""
    return fit_prepared(candidate, prepare_rows(candidate, features, target, task, seed), task, classes, seed, threads)


def fit_prepared(
    candidate: Candidate, rows: PreparedRows, task: Task, classes: Sequence[str], seed: int, threads: int = 1
) -> Model:
    """Fit a candidate on rows that were prepared for its variant and treatment."""
    fitted = fit_encoded(candidate, rows.table, rows.target, task, len(classes), seed, threads)
    return Model(
        candidate,
        task,
        tuple(classes),
        rows.features,
        rows.encoder,
        fitted.estimator,
        fitted.class_weights,
        normal=rows.normal,
        calibration=fitted.calibration,
    )


@dataclass(frozen=True)
class FittedCandidate:
    """What a candidate learned from an encoded table: a model but for its encoder."""

    family: str
    estimator: Any
    class_weights: tuple[float, ...]
    calibration: Calibration | None = None

    def predict(self, table: EncodedTable) -> np.ndarray:
        """Return probabilities (n_rows, n_classes) or, for a regression, predictions (n_rows,)."""
        predicted = get_family(self.family).predict(self.estimator, table)
        return correct(predicted, self.class_weights, self.calibration)


def fit_encoded(
    candidate: Candidate,
    table: EncodedTable,
    target: np.ndarray,
    task: Task,
    n_classes: int,
    seed: int,
    threads: int = 1,
) -> FittedCandidate:
    """Fit a candidate's family on an encoded table, and its calibration on the newest of its rows.

    The calibration is that of a model of the older rows, so it knows how wrong the family is about rows to come.
    """
    calibration = None
    if candidate.params.get("calibrate") and task.is_classification and len(table) >= LEAST_ROWS:
        cut = round(len(table) * (1 - LATER_SHARE))
        older = _fit_family(candidate, table.take(slice(cut)), target[:cut], task, n_classes, seed, threads)
        calibration = fit_calibration(older.predict(table.take(slice(cut, None))), target[cut:])
    fitted = _fit_family(candidate, table, target, task, n_classes, seed, threads)
    return replace(fitted, calibration=calibration)


def _fit_family(
    candidate: Candidate, table: EncodedTable, target: np.ndarray, task: Task, n_classes: int, seed: int, threads: int
) -> FittedCandidate:
    rows = resample(candidate, table, target, task, n_classes, seed)
    weights = compute_class_weights(rows.target, task, n_classes, float(candidate.params.get("balance", 0.0)))
    estimator = get_family(candidate.family).fit(
        rows.table,
        rows.target,
        task=task,
        n_classes=n_classes,
        params={name: setting for name, setting in candidate.params.items() if name not in TREATMENTS},
        seed=seed,
        threads=threads,
        weights=np.asarray(weights)[rows.target.astype(int)] if weights else None,
    )
    return FittedCandidate(candidate.family, estimator, join_factors(weights, rows.factors))


def treat_rows(
    candidate: Candidate, normal: InputReference | None, features: pd.DataFrame, target: np.ndarray, seed: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows that a candidate learns from: past its guard, and with masked copies where it is masked."""
    if normal:
        features = guard(features, normal)
    if not candidate.masked:
        return features, target
    return add_masked_copies(features, target, random_generator(seed, "masking"))


def update_model(model: Model, features: pd.DataFrame, target: np.ndarray, seed: int, threads: int = 1) -> Model:
    """Return a model that has also learned from new rows; ``model`` itself stays as it is.

    Only for families that can update; targets are coded by ``model.classes``. New rows are not resampled: the
    class weights, which hold the trace of resampling, stand for it.
    """
    features, target = treat_rows(model.candidate, model.normal, features, target, seed)
    weights = np.asarray(model.class_weights)[target.astype(int)] if model.class_weights else None
    family = get_family(model.candidate.family)
    table = model.encoder.encode(features)
    estimator = family.update(model.estimator, table, target, seed=seed, threads=threads, weights=weights)
    return replace(model, estimator=estimator)


def compute_class_weights(target: np.ndarray, task: Task, n_classes: int, balance: float) -> tuple[float, ...]:
    """Return a weight per class, its inverse share to the power ``balance``; empty where nothing is to be weighted.

    >>> compute_class_weights(np.array([0, 0, 0, 1]), Task.BINARY, 2, 0.5)
    (0.816..., 1.414...)
    """
    if not task.is_classification or balance == 0:
        return ()
    counts = np.bincount(target.astype(int), minlength=n_classes)
    shares = np.where(counts > 0, counts, len(target) / n_classes) / len(target)
    return tuple(float(weight) for weight in (1.0 / (n_classes * shares)) ** balance)
