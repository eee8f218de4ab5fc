"""Reading raw batches: every column in the notation that the batch writes it in."""

from dataclasses import replace

import pandas as pd

from pointsman.common.adaptation import CellChange, Reading, change_target, read_adapted
from pointsman.common.reading import read_schema_dates
from pointsman.common.records import RawBatch
from pointsman.common.schema import Schema


def read_batch(raw: RawBatch, schema: Schema) -> Reading:
    """Return the typed inputs of a raw batch, and the schema in its notations."""
    return read_frame(raw.frame, schema, raw.time_format)


def read_frame(frame: pd.DataFrame, schema: Schema, time_format: str | None = None) -> Reading:
    """Return the typed inputs of all rows of a raw batch, whose times are in ``time_format``, or the stream's."""
    was = schema.notation(schema.time)
    if time_format is not None:
        schema = replace(schema, time_format=time_format)
    # The source has settled how times are written, by which it has put the rows in order.
    reading = read_adapted(frame, schema, settled=(schema.time,) if time_format is not None else ())
    if time_format not in (None, was.date_format) and was.date_format is not None:
        known = frame[schema.time].dropna().astype("str")
        change = CellChange(schema.time, was, schema.notation(schema.time), known.iloc[0] if len(known) else "")
        reading = replace(reading, changes=(change, *reading.changes))
    target = change_target(frame[schema.target], schema) if schema.target in frame else None
    if target is None:
        return reading
    adapted = reading.schema.with_notations({target.column: target.now})
    return replace(reading, schema=adapted, changes=(*reading.changes, target))


def read_frame_times(frame: pd.DataFrame, schema: Schema, time_format: str | None = None) -> pd.Series:
    """Return the times of all rows of a raw batch."""
    return read_schema_dates(
        frame[schema.time], schema.time, replace(schema, time_format=time_format or schema.time_format)
    )
