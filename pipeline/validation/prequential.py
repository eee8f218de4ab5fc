"""Prequential scoring: every active version predicts a batch before anyone learns from it (Dawid 1984)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pointsman.common.metrics import compute_metrics, compute_row_losses
from pointsman.common.task import Task


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
    """Return the score of predictions that exist already."""
    metrics = compute_metrics(task, target, predicted, threshold)
    loss = float(compute_row_losses(task, target, predicted).mean())
    return Score(version, kind, {**metrics, "loss": loss}, len(target))


def score_rows(batch: int, scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Return the rows of the scores table."""
    return [
        {"batch": batch, "version": score.version, "kind": score.kind, "metric": metric, "observed": observed,
         "rows": score.rows}
        for score in scores
        for metric, observed in score.metrics.items()
    ]  # fmt: skip
