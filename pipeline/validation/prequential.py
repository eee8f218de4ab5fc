"""Prequential scoring: every active version predicts a batch before anyone learns from it (Dawid 1984)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pointsman.common.metrics import compute_metrics, compute_row_losses
from pointsman.common.task import Task
from pointsman.meta.ensembles import mix_ensembles
from pointsman.meta.flags import find_kinds
from pointsman.meta.records import OutOfSamplePredictions, predict_outputs
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.readings import Readings
from pointsman.model_zoo.reference import InputReference
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.validation.records import PREQUENTIAL, LateOutputs
from pointsman.registry.generations import Generation


@dataclass(frozen=True)
class Score:
    """Metrics of a version on rows it had not learned from, and its mean row loss (the metric 'loss')."""

    version: str
    kind: str
    metrics: Mapping[str, float]
    rows: int


def score_predictions(
    version: str, kind: str, task: Task, target: np.ndarray, predicted: np.ndarray, threshold: float
) -> Score:
    """Return the score of given predictions."""
    metrics = compute_metrics(task, target, predicted, threshold)
    loss = float(compute_row_losses(task, target, predicted).mean())
    return Score(version, kind, {**metrics, "loss": loss}, len(target))


def score_rows(batch: int, scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Return the rows of the scores table."""
    return [
        {
            "batch": batch,
            "version": score.version,
            "kind": score.kind,
            "metric": metric,
            "observed": observed,
            "rows": score.rows,
        }
        for score in scores
        for metric, observed in score.metrics.items()
    ]


def score_batch(
    before: Generation,
    models: Mapping[str, Model],
    record: OutOfSamplePredictions,
    training_set: TrainingSet,
    reference: InputReference | None,
) -> list[Score]:
    """Return the prequential scores of every active version and ensemble on the whole newest batch.

    Where the record holds every row of it, nothing is predicted twice. ``reference`` tells the kind of each row, by
    which ensembles weigh their members.
    """
    newest, rows = training_set.rows.last(1), record.rows
    target = newest.target
    if rows.clean.sum() == len(newest):
        target = rows.target[rows.clean]
        outputs = {line: known[rows.clean] for line, known in record.predicted.items()}
    else:
        sound = {line: model for line, model in models.items() if line in record.predicted}
        readings = Readings(newest.features)
        outputs = {line: predict_outputs(model, readings.of(model), rows.classes) for line, model in sound.items()}
        if reference is not None:
            kinds = find_kinds(flag_cells(newest.features, reference))
            outputs |= mix_ensembles(before, outputs, kinds)
    return [
        score_predictions(version.id, PREQUENTIAL, rows.task, target, outputs[version.line], version.threshold)
        for version in (*before.versions, *before.ensembles)
        if version.line in outputs
    ]


def score_newcomers(
    generation: Generation, before: Generation, record: OutOfSamplePredictions, late: LateOutputs
) -> list[Score]:
    """Return the out-of-fold scores of new models on the clean rows of the newest record."""
    lines = {version.line for version in before.versions}
    rows, outputs = record.rows, late.get(record.rows.batch, {})
    return [
        score_predictions(
            version.id,
            "out-of-fold",
            rows.task,
            rows.target[rows.clean],
            outputs[version.line][rows.clean],
            version.threshold,
        )
        for version in generation.versions
        if version.line not in lines and version.line in outputs
    ]
