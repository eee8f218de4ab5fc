"""From candidates to records out of fold, and from those that stay active to models that have learned all rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.meta.records import RecordRows, predict_outputs
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.preparation.training_set import TrainingRows, TrainingSet
from pointsman.registry.contender import Contender, Origin

BACKFILLED = 3
"""Batches of which a newcomer gets a record on the day it is registered."""


@dataclass(frozen=True, eq=False)
class EvaluationTable:
    """The rows of a record with their features: what a line without a record has still to predict.

    They come from the last ``covered`` rows of the batch, beginning at ``first_row``; earlier ones may be learned.
    """

    rows: RecordRows
    features: pd.DataFrame
    first_row: int
    covered: int


def find_earlier(training_set: TrainingSet, sheet: EvaluationTable) -> TrainingRows | None:
    """Return the rows that lie before a sheet, by the gap at least; None where none does.

    The first batch has nothing older than itself: where the gap leaves none of its rows, those before the sheet are
    returned without it.
    """
    rows, start = training_set.rows, find_start(training_set.rows, sheet)
    if start is None:
        return None
    before = np.arange(len(rows)) < start
    # Rows released from quarantine precede the others of their batch, whatever their time.
    before &= (rows.batches != sheet.rows.batch) | (rows.times <= rows.times.iloc[start]).to_numpy()
    delay = pd.Timedelta(training_set.gap)
    if delay > pd.Timedelta(0):
        older = before & (rows.times < rows.times.iloc[start] - delay).to_numpy()
        before = older if older.any() or (rows.batches[before] != sheet.rows.batch).any() else before
    return rows.take(before) if before.any() else None


def find_start(rows: TrainingRows, sheet: EvaluationTable) -> int | None:
    """Return the position of a sheet's first row; None where its batch is not among the rows."""
    of_batch = np.flatnonzero(rows.batches == sheet.rows.batch)
    return max(0, int(of_batch[-1]) + 1 - sheet.covered) if len(of_batch) else None


def breaks_gap(training_set: TrainingSet, sheet: EvaluationTable) -> bool:
    """Return whether rows nearer to a sheet than the gap lie before it all the same, since there are no older ones."""
    start, earlier, delay = (
        find_start(training_set.rows, sheet),
        find_earlier(training_set, sheet),
        pd.Timedelta(training_set.gap),
    )
    if start is None or earlier is None or delay <= pd.Timedelta(0):
        return False
    return not bool((earlier.times < training_set.rows.times.iloc[start] - delay).all())


def enter_newcomer(
    training_set: TrainingSet, candidate: Candidate, name: str, origin: Origin, sheets: Sequence[EvaluationTable]
) -> Contender:
    """Return a newcomer with its record, out of fold, of the newest sheets.

    What its family finds out on the rows before the oldest of them is known from there on.
    """
    outputs: dict[int, np.ndarray] = {}
    for sheet in sheets[-BACKFILLED:]:
        earlier = find_earlier(training_set, sheet)
        if earlier is not None:
            candidate = training_set.settle(candidate, earlier)
            model = training_set.fit(candidate, earlier)
            outputs[sheet.rows.batch] = predict_outputs(model, sheet.features, training_set.classes)
    return Contender(name, origin, candidate, None, outputs)
