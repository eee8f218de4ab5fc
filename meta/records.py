"""Records: what every line's model predicted for rows it had not learned from, clean ones and damaged copies of them.

They are all that selection learns from. Each labelled batch adds one table of rows, and to it one table of predictions
a line: made before the batch was learned or, for a newcomer, out of fold on the day it is registered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.sampling import spread_rows
from pointsman.common.seeding import random_generator
from pointsman.common.task import Task
from pointsman.meta.corruption import CORRUPTIONS
from pointsman.meta.flags import find_kinds, measure_quality
from pointsman.meta.metafeatures import profile_request
from pointsman.meta.profile import Profile
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.model import Model, align_classes
from pointsman.model_zoo.reference import InputReference

CLEAN, LIVE = "clean", "live"
FIRST_LIVE = 1_000
"""Parts from this number on are rows that were served: as they came, like the clean part, and in no batch."""
CLEAN_ROWS = 3_000
"""Rows of a batch that are kept as they are, evenly spread over it."""
DAMAGED_ROWS = 300
"""Rows of each damaged copy, evenly spread too."""


@dataclass(frozen=True)
class RecordRows:
    """Labelled rows of one batch. All arrays have one entry a row; ``parts`` names where the rows come from.

    part:     position in ``parts``, whose first is the clean batch and whose others are damaged copies
    target:   class codes of ``classes``, or numbers
    kinds:    RowKind
    quality:  (n_rows, n_qualities) float32, see ``meta.flags``
    profiles: what selection would know of every part, were it a request
    """

    batch: int
    task: Task
    classes: tuple[str, ...]
    parts: tuple[str, ...]
    profiles: tuple[Profile, ...]
    part: np.ndarray
    target: np.ndarray
    kinds: np.ndarray
    quality: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    @property
    def clean(self) -> np.ndarray:
        """Rows of the batch as it came (n_rows,) bool."""
        return self.part == 0


@dataclass(frozen=True)
class OutOfSamplePredictions:
    """The rows of a batch and what each line predicted for them: (n_rows, n_classes) or (n_rows, 1) float32.

    ``live`` are records of served rows whose labels came by the time of the batch, one a generation that served them:
    its number is ``served_by``.
    """

    rows: RecordRows
    predicted: Mapping[str, np.ndarray]
    live: tuple["OutOfSamplePredictions", ...] = ()
    served_by: int | None = None

    def with_lines(self, predicted: Mapping[str, np.ndarray]) -> "OutOfSamplePredictions":
        """Return the record with more lines in it."""
        return OutOfSamplePredictions(self.rows, {**self.predicted, **predicted}, self.live)

    def without_live(self) -> "OutOfSamplePredictions":
        """Return the record of the batch alone."""
        return OutOfSamplePredictions(self.rows, self.predicted)


def make_rows(
    batch: int,
    features: pd.DataFrame,
    target: np.ndarray,
    task: Task,
    classes: Sequence[str],
    reference: InputReference,
    seed: int,
) -> tuple[RecordRows, pd.DataFrame]:
    """Return the record rows of a batch and their features: a sample of it, then seeded damaged copies of fewer rows.

    ``reference`` is what was normal before the batch, since that is what a request is compared with.
    """
    tables, targets, names = [], [], []
    sample = spread_rows(len(target), CLEAN_ROWS)
    tables.append(features.iloc[sample])
    targets.append(target[sample])
    names.append(CLEAN)
    # Seeded by batch and kind of damage: a record that is built again, for a newcomer or a replay, has the same rows.
    few = spread_rows(len(target), DAMAGED_ROWS)
    for corruption in CORRUPTIONS:
        if corruption.applies_to(features):
            generator = random_generator(seed, "corruption", corruption.name, batch)
            tables.append(corruption.apply(features.iloc[few].reset_index(drop=True), generator))
            targets.append(target[few])
            names.append(corruption.name)
    # Each part on its own, as if it were a request: what drifts as a whole in one copy does not excuse another.
    flags = [flag_cells(table, reference) for table in tables]
    pairs = zip(tables, flags, strict=True)
    rows = RecordRows(
        batch=batch,
        task=task,
        classes=tuple(classes),
        parts=tuple(names),
        profiles=tuple(profile_request(table, flagged, reference) for table, flagged in pairs),
        part=np.repeat(np.arange(len(tables), dtype=np.int16), [len(table) for table in tables]),
        target=np.concatenate(targets),
        kinds=np.concatenate([find_kinds(flagged) for flagged in flags]),
        quality=np.concatenate([measure_quality(flagged) for flagged in flags]),
    )
    return rows, pd.concat(tables, ignore_index=True).astype(features.dtypes.to_dict())


def predict_outputs(model: Model, rows: pd.DataFrame | EncodedTable, classes: Sequence[str]) -> np.ndarray:
    """Return the model's predictions as (n_rows, n_outputs): one column a class of ``classes``, or one number.

    ``rows`` are features, or what the model's own encoder made of them. Raises FloatingPointError where a prediction is
    not finite.
    """
    predicted = model.predict_encoded(rows) if isinstance(rows, EncodedTable) else model.predict(rows)
    if model.task.is_classification:
        predicted = align_classes(predicted, model.classes, classes)
    if not np.isfinite(predicted).all():
        raise FloatingPointError("it predicted a number that is not finite")
    return predicted.reshape(len(rows), -1)
