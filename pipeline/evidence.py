"""What speaks for training again before labels are looked at: drift of the inputs, and what a model expects to lose."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from common.metrics import EPSILON
from common.records import LabelledBatch
from common.schema import Schema
from common.task import Task
from pipeline.analysis.drift.distance import compute_drift
from pipeline.analysis.drift.reference import Reference, fit_reference

BEYOND = 1.5
"""A batch has drifted where its distance is this many times the largest that the stream's own past shows."""

LEAST_NOISE = 1e-3
"""A column without any spread has no noise; its distance is held against this."""


def describe_batches(batches: Sequence[LabelledBatch], schema: Schema) -> Reference:
    """Return how the inputs of batches that are learned together are spread."""
    types = dict.fromkeys(schema.categorical, "str")
    return fit_reference(pd.concat([one.inputs for one in batches], ignore_index=True).astype(types), schema)


def measure_distance(reference: Reference, batch: LabelledBatch) -> float:
    """Return how far a batch's inputs lie from what was learned: the columns' mean distance over chance's."""
    columns = compute_drift(reference, batch.inputs)
    return float(np.mean([one.distance / max(one.noise, LEAST_NOISE) for one in columns])) if columns else 0.0


def is_drifted(distance: float, before: Sequence[float]) -> bool:
    """Return whether a distance lies beyond those of earlier batches from what was learned before them.

    >>> is_drifted(3.1, [1.0, 2.0]), is_drifted(2.9, [1.0, 2.0]), is_drifted(9.0, [])
    (True, False, False)
    """
    return bool(before) and distance > BEYOND * max(before)


def expect_loss(task: Task, outputs: np.ndarray) -> float | None:
    """Return the mean log-loss of probabilities (n_rows, n_classes) by their own word, their entropy in nats.

    None for a regression, whose predictions say nothing of their error.

    >>> expect_loss(Task.BINARY, np.array([[0.5, 0.5]])), expect_loss(Task.REGRESSION, np.array([[7.0]]))
    (0.6931471805599453, None)
    """
    if not task.is_classification:
        return None
    held = np.clip(outputs, EPSILON, 1.0)
    return float(-(outputs * np.log(held)).sum(axis=1).mean())
