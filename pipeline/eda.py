"""Exploring data on demand: a stored batch, the whole store or any file, as one page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.adaptation import read_adapted
from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, DataError, PointsmanError, StateError
from pointsman.common.formats import find_format
from pointsman.common.reading import read_input, read_labels, read_schema_dates
from pointsman.common.schema import Schema
from pointsman.common.seeding import random_generator
from pointsman.common.storage.files import save_atomically
from pointsman.common.storage.state import State, open_state
from pointsman.common.tabular.reader import read_table
from pointsman.common.task import Task
from pointsman.common.text import read_number, shorten
from pointsman.common.wanted import Wanted
from pointsman.pipeline.collection.column import ColumnRole
from pointsman.pipeline.collection.column_evidence import decide_column
from pointsman.pipeline.collection.roles import infer_schema
from pointsman.pipeline.collection.store import load_batches
from pointsman.pipeline.preparation.raw_rows import read_frame
from pointsman.pipeline.quality.stored import drift_table, quality_table
from pointsman.pipeline.quality.stored_batches import read_of_batches
from pointsman.pipeline.reporting.eda.page import Exploration, render_exploration
from pointsman.pipeline.reporting.eda.sampling import choose_rows
from pointsman.pipeline.reporting.eda.target import (
    Level,
    TargetFigure,
    code_target,
    compute_course,
    compute_level,
    compute_relations,
    join_levels,
)
from pointsman.pipeline.reporting.formats import format_count
from pointsman.registry.generations import load_generation

SHOWN_ROWS = 20_000
"""Rows of which a page shows columns and relations; levels of the target are those of every row."""


def explore(config: Config, numbers: Sequence[str] = (), file: Path | None = None) -> Path:
    """Write the page of a file, of the stored batch that ``numbers`` names, or of all of them; return its path.

    Raises ConfigError for words that name no batch, StateError where there is no such batch, or no batch at all,
    DataError for a file that cannot be used.
    """
    if file is not None and numbers:
        raise ConfigError(f"eda was given the file '{file}' and the batch '{numbers[0]}'; name one of them.")
    if len(numbers) > 1 or any(read_number(number) is None for number in numbers):
        raise ConfigError(
            f"eda takes one batch by its number, not '{shorten(' '.join(numbers))}'; write python run.py eda 7."
        )
    with open_state(config, must_exist=file is None) as state:
        if file is not None:
            exploration, name = explore_file(config, state, file), f"file-{file.name[: -len(find_format(file))]}"
        else:
            stored = find_batches(state, int(numbers[0]) if numbers else None)
            exploration = explore_stored(config, state, stored, whole=not numbers)
            name = f"batch-{numbers[0]}" if numbers else "store"
        path = state.folder / "eda" / f"{name}.html"
        save_atomically(path, render_exploration(exploration).encode())
        return path


def find_batches(state: State, number: int | None) -> list[dict[str, Any]]:
    """Return the stored batches, oldest first, or the one with that number; StateError where there is none."""
    known = load_batches(state)
    if not known:
        raise StateError(f"There is no batch in '{state.folder}' yet; run 'python run.py update', or add -file X.csv.")
    wanted = [batch for batch in known if number in (None, batch["number"])]
    if not wanted:
        last = known[-1]["number"]
        raise StateError(f"There is no batch {number} in '{state.folder}'; the stored ones are 1 to {last}.")
    return wanted


def explore_stored(config: Config, state: State, stored: Sequence[Mapping[str, Any]], whole: bool) -> Exploration:
    """Return what is known of stored batches: their raw rows, typed by the schema of today."""
    schema = load_generation(state).schema
    total = sum(batch["rows"] for batch in stored)
    # Drawn before any batch is read, so that never more than one is in memory whole.
    chosen = choose_rows(total, SHOWN_ROWS, random_generator(config.seed, "eda"))
    parts, levels, first = [], [], 0
    for batch in stored:
        frame = state.files.load_table(batch["file"])
        parts.append(frame.iloc[chosen[(chosen >= first) & (chosen < first + len(frame))] - first])
        levels += [describe_batch(frame, schema, str(batch["number"]))] if whole else compute_course_of(frame, schema)
        first += len(frame)
    numbers = [batch["number"] for batch in stored]
    newest = stored[-1]
    return describe(
        config,
        schema,
        pd.concat(parts, ignore_index=True),
        tuple(levels),
        rows=total,
        title=f"All {len(stored)} batches" if whole else f"Batch {newest['number']}",
        origin=f"{newest['origin']}, batches {numbers[0]} to {numbers[-1]}" if whole else newest["origin"],
        unit="batch" if whole else "block",
        notes=tuple(describe_fate(stored)),
        checks=read_of_batches(state, quality_table, numbers),
        drift=read_of_batches(state, drift_table, numbers),
    )


def explore_file(config: Config, state: State, file: Path) -> Exploration:
    """Return what a file holds, typed by the stored schema as far as that knows its columns."""
    schema = load_generation(state).schema
    stated = config.schema_
    named = [schema.time, schema.target, *schema.inputs] if schema else [stated.time, stated.target]
    frame = read_table(file, Wanted.of_request(config, named))
    if not len(frame):
        raise DataError(f"The file '{file}' has a header and no rows; add the rows to look at.")
    notes = describe_columns(frame, schema)
    schema = schema or guess_schema(config, frame, str(file))
    chosen = choose_rows(len(frame), SHOWN_ROWS, random_generator(config.seed, "eda"))
    return describe(
        config,
        schema,
        frame.iloc[chosen].reset_index(drop=True),
        tuple(compute_course_of(frame, schema)),
        rows=len(frame),
        title=file.name,
        origin=str(file),
        unit="block",
        notes=tuple(notes),
        # A file was never judged: tables without rows, of the same columns.
        checks=read_of_batches(state, quality_table, []),
        drift=read_of_batches(state, drift_table, []),
    )


def describe(
    config: Config, schema: Schema | None, sample: pd.DataFrame, course: tuple[Level, ...], **told: Any
) -> Exploration:
    """Return the exploration of a raw ``sample`` of rows; ``course`` is the target's level in blocks of all of them."""
    table = type_columns(sample, schema, config)
    target, _times = read_target(sample, schema)
    labelled = target is not None and not np.isnan(target.shown).all()
    starts = [level.start for level in course if level.start is not None]
    ends = [level.end for level in course if level.end is not None]
    return Exploration(
        table=table,
        start=min(starts, default=None),
        end=max(ends, default=None),
        target=schema.target if schema and labelled else "",
        task=schema.task.value if schema else "",
        names=target.names if target and labelled else (),
        overall=join_levels(course) if labelled else None,
        course=course if labelled else (),
        relations=compute_relations(table[list_inputs(table, schema)], target) if target and labelled else (),
        **told,
    )


def describe_batch(frame: pd.DataFrame, schema: Schema | None, label: str) -> Level:
    """Return the target's level in a whole batch."""
    target, times = read_target(frame, schema)
    return compute_level(target, np.arange(len(frame)), label, times)


def compute_course_of(frame: pd.DataFrame, schema: Schema | None) -> list[Level]:
    """Return the target's level in blocks of time; of rows that have no time that can be read, in one block."""
    target, times = read_target(frame, schema)
    if times.notna().any():
        return list(compute_course(target, times))
    return [compute_level(target, np.arange(len(frame)), "1")]


def read_target(frame: pd.DataFrame, schema: Schema | None) -> tuple[TargetFigure, pd.Series]:
    """Return the target and the times of raw rows: nothing but unknown ones where a column is absent."""
    nothing = pd.Series(np.nan, index=frame.index)
    task, classes = (schema.task, schema.classes) if schema else (Task.REGRESSION, ())
    labels, times = nothing, nothing.astype("datetime64[us]")
    if schema and schema.target in frame:
        labels = read_labels(frame[schema.target], read_frame(frame[[schema.target]], schema).schema)
    if schema and schema.time in frame:
        times = read_schema_dates(frame[schema.time], schema.time, schema)
    return code_target(labels, task, classes), times


def type_columns(frame: pd.DataFrame, schema: Schema | None, config: Config) -> pd.DataFrame:
    """Return raw rows typed: by the schema where it knows a column, else by what the cells look like."""
    known = read_adapted(frame, schema).inputs if schema else pd.DataFrame(index=frame.index)
    guessed = schema or Schema("", "", Task.REGRESSION, missing_values=config.schema_.missing_values)
    columns = {}
    for name in map(str, frame):
        if schema and name in schema.inputs:
            columns[name] = known[name]
            continue
        column = decide_column(frame[name], name, config.schema_)
        names = {role: (name,) if column.role is role else () for role in (ColumnRole.NUMERIC, ColumnRole.DATE)}
        alone = replace(
            guessed,
            time="",
            numeric=names[ColumnRole.NUMERIC],
            dates=names[ColumnRole.DATE],
            notations={name: column.notation},
            categorical=() if any(names.values()) else (name,),
        )
        columns[name] = read_input(frame[name], name, alone)
    return pd.DataFrame(columns, index=frame.index)


def list_inputs(table: pd.DataFrame, schema: Schema | None) -> list[str]:
    """Return the columns that the target is held against: inputs, and what the stream does not know."""
    apart = {schema.target, *schema.unused} if schema else set()
    return [str(name) for name in table if name not in apart]


def guess_schema(config: Config, frame: pd.DataFrame, origin: str) -> Schema | None:
    """Return the schema that these rows would make as a first batch, None where they would make none."""
    try:
        return infer_schema(frame, config, origin)
    except PointsmanError:  # a file without the stream's time or target can still be looked at
        return None


def describe_columns(frame: pd.DataFrame, schema: Schema | None) -> Iterator[str]:
    """Yield what is notable about the columns of a file."""
    if schema is None:
        yield "Nothing was learned yet, so types are guessed from these rows."
        return
    absent = [name for name in schema.inputs if name not in frame]
    strange = [str(name) for name in frame if name not in (*schema.inputs, *schema.unused, schema.target)]
    if absent:
        yield f"Inputs of the stream that these rows lack: {', '.join(absent)}."
    if strange:
        yield f"Columns that the stream does not have: {', '.join(strange)}."


def describe_fate(stored: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield which batches were rejected, and how many rows were put aside or came late."""
    for batch in stored:
        if batch["status"] == "rejected":
            yield f"Batch {batch['number']} was rejected: {batch['reason']}"
    for key, fate in (("quarantined", "in quarantine"), ("late_rows", "older than rows of earlier batches")):
        rows = sum(batch[key] for batch in stored)
        if rows:
            yield f"{format_count(rows, 'row')} {'is' if rows == 1 else 'are'} {fate}."
