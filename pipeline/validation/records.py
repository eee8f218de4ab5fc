"""Out-of-sample predictions as rows of the catalogue: the newest batch by every model, older ones by newcomers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.meta.past import PredictionHistory, stack_records
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.meta.store import PLAN_LINE, record_row
from pointsman.meta.tables import record_rows_table
from pointsman.registry.generations import Generation

LateOutputs = Mapping[int, Mapping[str, np.ndarray]]
"""What newcomers predicted out of fold: by batch and line."""


PREQUENTIAL, OUT_OF_FOLD = "prequential", "out-of-fold"


def load_first_rows(state: State) -> dict[int, int]:
    """Return the first row of each batch that its record covers."""
    query = sa.select(record_rows_table.c.batch, record_rows_table.c.first_row)
    return {row["batch"]: row["first_row"] for row in read_rows(state.engine, query)}


def join_records(
    stored: list[OutOfSamplePredictions], newest: OutOfSamplePredictions, late: LateOutputs
) -> list[OutOfSamplePredictions]:
    """Return all records, oldest first, with the ``late`` predictions of newcomers by batch and line."""
    return [record.with_lines(late.get(record.rows.batch, {})) for record in [*stored, newest]]


def list_records(
    state: State,
    generation: Generation,
    before: Generation,
    record: OutOfSamplePredictions,
    records: Sequence[OutOfSamplePredictions],
    late: LateOutputs,
    plan_outputs: np.ndarray | None,
) -> list[dict[str, Any]]:
    """Return the rows of the records table: the newest batch by every model, older ones by new active models.

    Predictions of newcomers that did not become active are not stored.
    """
    served = {version.line: version.id for version in (*before.versions, *before.ensembles)}
    by_batch = {one.rows.batch: one for one in records}
    active = {version.line: version.id for version in generation.versions}
    # Each is stored under the version that predicted: of the newest batch the one from before it was learned.
    found = [
        (record.rows.batch, line, served[line], PREQUENTIAL, outputs)
        for line, outputs in record.predicted.items()
        if line in served
    ]
    if plan_outputs is not None:
        found.append((record.rows.batch, PLAN_LINE, PLAN_LINE, PREQUENTIAL, plan_outputs))
    # A newcomer had no version when it predicted; the one it became stands for it.
    found += [
        (batch, line, active[line], OUT_OF_FOLD, outputs)
        for batch, by_line in late.items()
        for line, outputs in by_line.items()
        if line in active and line not in served and batch in by_batch
    ]
    return [
        record_row(
            state.files, by_batch[batch].rows, line, version, origin, outputs, _compute_losses(by_batch[batch], outputs)
        )
        for batch, line, version, origin, outputs in found
    ]


def _compute_losses(record: OutOfSamplePredictions, outputs: np.ndarray) -> np.ndarray:
    past: PredictionHistory = stack_records([OutOfSamplePredictions(record.rows, {PLAN_LINE: outputs})], [PLAN_LINE])
    return past.losses[:, 0] * past.scale
