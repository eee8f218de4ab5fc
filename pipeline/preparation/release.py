"""What an update takes from the quarantine: released rows to learn from, and rejected batches that were released."""

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.reading import encode_target, read_labels
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.preparation.cleaning import clean_inputs
from pointsman.pipeline.preparation.raw_rows import read_frame, read_frame_times
from pointsman.pipeline.quality.tables import RELEASED, quarantine_decisions_table, quarantined_rows, retaken_table


def find_released_batch(state: State) -> tuple[int, str] | None:
    """Return number and raw file of the oldest rejected batch that was released and not taken again yet."""
    decided = quarantine_decisions_table.c
    of_batches = sa.select(decided.batch, sa.func.max(decided.generation).label("newest")).where(decided.row.is_(None))
    last = of_batches.group_by(decided.batch).subquery()
    query = (
        sa.select(batches.c.number, batches.c.file)
        .join(quarantine_decisions_table, decided.batch == batches.c.number)
        .join(last, sa.and_(last.c.batch == decided.batch, last.c.newest == decided.generation))
        .where(decided.row.is_(None), decided.action == RELEASED)
        .where(batches.c.number.not_in(sa.select(retaken_table.c.rejected)))
        .order_by(batches.c.number)
        .limit(1)
    )
    found = read_rows(state.engine, query)
    return (found[0]["number"], found[0]["file"]) if found else None


def load_released(config: Config, state: State, schema: Schema, window: Sequence[LabelledBatch]) -> list[LabelledBatch]:
    """Return the released rows of the batches in the window, one part a batch, read and cleaned like all others."""
    table = quarantined_rows().c
    query = (
        sa.select(table.batch, table.row, batches.c.file, batches.c.time_format)
        .join(batches, batches.c.number == table.batch)
        .where(table.status == RELEASED, table.batch.in_([one.number for one in window]))
        .order_by(table.batch, table.row)
    )
    rows_of: dict[tuple[int, str, str | None], list[int]] = {}
    for stored in read_rows(state.engine, query):
        rows_of.setdefault((stored["batch"], stored["file"], stored["time_format"]), []).append(stored["row"])
    return [read_raw_rows(config, state, schema, *batch, rows) for batch, rows in rows_of.items()]


def read_raw_rows(
    config: Config, state: State, schema: Schema, number: int, file: str, time_format: str | None, rows: list[int]
) -> LabelledBatch:
    """Return rows of a raw batch that have a label and a time; those that a changed schema cannot read are left out."""
    frame = state.files.load_table(file)
    reading = read_frame(frame, schema, time_format)  # the whole batch tells how its cells are written
    inputs = clean_inputs(reading.inputs, config.quality, reading.schema).iloc[rows].reset_index(drop=True)
    times = read_frame_times(frame, schema, time_format).iloc[rows].reset_index(drop=True)
    target = encode_target(read_labels(frame[schema.target].iloc[rows], reading.schema), reading.schema)
    usable = np.flatnonzero(~np.isnan(target) & times.notna().to_numpy())
    return LabelledBatch(
        number=number,
        inputs=inputs.iloc[usable].reset_index(drop=True),
        times=times.iloc[usable].reset_index(drop=True),
        target=target[usable],
    )
