"""Out-of-fold records: what newcomers predict for the newest batches, fitted on the rows before each of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.meta.records import RecordRows, predict_outputs
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.preparation.training_set import TrainingRows, TrainingSet
from pointsman.registry.contender import Contender, Origin

BACKFILLED = 3
"""Batches, the newest ones, of which a newcomer gets a record when it is registered."""


@dataclass(frozen=True, eq=False)
class EvaluationTable:
    """The rows of a record with their features (n_rows, n_features): what models are evaluated on.

    They are a sample of the last ``covered`` rows of the batch, from ``first_row`` on; earlier rows may be learned.
    """

    rows: RecordRows
    features: pd.DataFrame
    first_row: int
    covered: int


def find_earlier(training_set: TrainingSet, table: EvaluationTable) -> TrainingRows | None:
    """Return the rows that lie before an evaluation table by the gap at least; None where there are none.

    The first batch has nothing older than itself: where the gap leaves none of its rows, it is not kept.
    """
    rows, start = training_set.rows, find_start(training_set.rows, table)
    if start is None:
        return None
    before = np.arange(len(rows)) < start
    # Rows released from quarantine precede the others of their batch, whatever their time.
    before &= (rows.batches != table.rows.batch) | (rows.times <= rows.times.iloc[start]).to_numpy()
    delay = pd.Timedelta(training_set.gap)
    if delay > pd.Timedelta(0):
        older = before & (rows.times < rows.times.iloc[start] - delay).to_numpy()
        before = older if older.any() or (rows.batches[before] != table.rows.batch).any() else before
    return rows.take(before) if before.any() else None


def find_start(rows: TrainingRows, table: EvaluationTable) -> int | None:
    """Return the position of an evaluation table's first row; None where its batch is not among the rows."""
    of_batch = np.flatnonzero(rows.batches == table.rows.batch)
    return max(0, int(of_batch[-1]) + 1 - table.covered) if len(of_batch) else None


def breaks_gap(training_set: TrainingSet, table: EvaluationTable) -> bool:
    """Return whether ``find_earlier`` cannot keep the gap, as there are no older rows."""
    start, earlier, delay = (
        find_start(training_set.rows, table),
        find_earlier(training_set, table),
        pd.Timedelta(training_set.gap),
    )
    if start is None or earlier is None or delay <= pd.Timedelta(0):
        return False
    return not bool((earlier.times < training_set.rows.times.iloc[start] - delay).all())


def enter_newcomer(
    training_set: TrainingSet, candidate: Candidate, name: str, origin: Origin, tables: Sequence[EvaluationTable]
) -> Contender:
    """Return a newcomer with its out-of-fold record of the newest tables, which come oldest first.

    What its family finds out before the first fit (rounds, leaves) is kept for the later ones.
    """
    outputs: dict[int, np.ndarray] = {}
    for table in tables[-BACKFILLED:]:
        earlier = find_earlier(training_set, table)
        if earlier is not None:
            candidate = training_set.find_params(candidate, earlier)
            model = training_set.fit(candidate, earlier)
            outputs[table.rows.batch] = predict_outputs(model, table.features, training_set.classes)
    return Contender(name, origin, candidate, None, outputs)
