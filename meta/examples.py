"""Meta-examples: what happened to every line's loss on clean rows and on damaged copies of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from common.config import SelectionConfig
from common.metrics import compute_row_losses
from common.seeding import random_generator
from common.task import Task
from meta.corruption import CORRUPTIONS
from meta.flags import flag_cells
from meta.metafeatures import compute_metafeatures
from meta.reference import InputReference
from model_zoo.model import Model, align_classes

CLEAN = "clean"
MAX_ROWS = 1_000
"""Damaged copies are made of at most this many rows, evenly spread over the batch."""


@dataclass(frozen=True)
class MetaExample:
    """One labelled request: its metafeatures and every line's mean row loss on it."""

    batch: int
    name: str
    condition: str
    rows: int
    metafeatures: Mapping[str, float]
    losses: Mapping[str, float]

    def to_row(self) -> dict[str, Any]:
        """Return the row of the meta_examples table."""
        return asdict(self)


@dataclass(frozen=True)
class LabelledRows:
    """Rows that none of the models has learned from: features, targets, the task and its classes."""

    features: pd.DataFrame
    target: np.ndarray
    task: Task
    classes: tuple[str, ...]


def build_examples(
    batch: int,
    rows: LabelledRows,
    models: Mapping[str, Model],
    reference: InputReference,
    config: SelectionConfig,
    seed: int,
) -> list[MetaExample]:
    """Score every line's model on the clean rows, on their two halves in time, and on damaged copies of them."""
    half = len(rows.target) // 2
    requests: list[tuple[str, str, pd.DataFrame, np.ndarray]] = [(CLEAN, CLEAN, rows.features, rows.target)]
    if half:
        requests.append(("first half", CLEAN, rows.features.iloc[:half], rows.target[:half]))
        requests.append(("second half", CLEAN, rows.features.iloc[half:], rows.target[half:]))
    sample = np.linspace(0, len(rows.target) - 1, min(MAX_ROWS, len(rows.target))).astype(int)
    for corruption in CORRUPTIONS:
        generator = random_generator(seed, "corruption", corruption.name, batch)
        damaged = corruption.apply(rows.features.iloc[sample].reset_index(drop=True), generator)
        requests.append((corruption.name, corruption.condition, damaged, rows.target[sample]))
    examples = []
    for name, condition, features, target in requests:
        flags = flag_cells(features, reference)
        metafeatures = compute_metafeatures(features, flags, reference, config.sparse_share, config.anomalous_cells)
        losses = {line: _mean_loss(model, features, target, rows) for line, model in models.items()}
        examples.append(MetaExample(batch, name, condition, len(target), metafeatures, losses))
    return examples


def _mean_loss(model: Model, features: pd.DataFrame, target: np.ndarray, rows: LabelledRows) -> float:
    predicted = model.predict(features)
    if rows.task.is_classification:
        predicted = align_classes(predicted, model.classes, rows.classes)
    return float(compute_row_losses(rows.task, target, predicted).mean())


def compute_relative_losses(example: MetaExample, lines: Sequence[str], champion: str) -> np.ndarray:
    """Return each line's loss relative to the champion's (n_lines,): 0 = as good; NaN for a line with no record.

    Where the champion itself has no record yet, the median of the lines that have one stands in for it.
    """
    losses = np.array([example.losses.get(line, np.nan) for line in lines])
    known = losses[np.isfinite(losses)]
    base = example.losses.get(champion, float(np.median(known)) if len(known) else np.nan)
    return losses / base - 1 if base and base > 0 else losses * 0.0
