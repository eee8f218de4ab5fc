"""A replay of drift judgement alone: the functions an update calls, batch by batch, without search and training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.reading import encode_target, read_inputs, read_labels
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.pipeline.collection.roles import infer_schema
from pointsman.pipeline.drift.detection import judge_concept, judge_data
from pointsman.pipeline.drift.distance import compute_drift
from pointsman.pipeline.drift.reference import Reference, describe_window
from pointsman.pipeline.drift.sketch import Sketch, sketch_inputs
from pointsman.pipeline.drift.store import MOST_PAST, PastTest
from pointsman.pipeline.drift.verdict import DriftTest
from pointsman.pipeline.preparation.capacity import limit_rows
from pointsman.pipeline.preparation.cleaning import clean_inputs
from pointsman.pipeline.preparation.window import build_training_set


@dataclass(frozen=True, eq=False)
class Judged:
    """A batch, the tests it was put to (none of the first), and its columns' mean distance from what was learned."""

    batch: LabelledBatch
    tests: tuple[DriftTest, ...]
    distance: float


def cut_stream(config: Config, frame: pd.DataFrame, times: pd.Series, rows: int) -> tuple[Schema, list[LabelledBatch]]:
    """Return the schema of the first ``rows`` rows and all full batches of so many rows; rows are in order of time."""
    schema = infer_schema(frame.head(rows), config, "the stream")
    inputs = clean_inputs(read_inputs(frame, schema), config.quality, schema).reset_index(drop=True)
    labels = read_labels(frame[schema.target], schema)
    if schema.task.is_classification:
        schema = schema.with_classes(sorted(set(labels.dropna()) - set(schema.classes)))
    target = encode_target(labels, schema)
    known = np.flatnonzero(np.isfinite(target))
    inputs, times, target = inputs.iloc[known], times.iloc[known], target[known]
    batches = []
    for number in range(len(known) // rows):
        part = slice(number * rows, (number + 1) * rows)
        batches.append(
            LabelledBatch(
                number + 1,
                inputs.iloc[part].reset_index(drop=True),
                times.iloc[part].reset_index(drop=True),
                target[part],
            )
        )
    return schema, batches


def judge_stream(
    config: Config, schema: Schema, batches: list[LabelledBatch], learned: int | None = None
) -> Iterator[Judged]:
    """Yield each batch with its tests, as updates that learn every batch (or only the first ``learned``) judge it."""
    past: list[PastTest] = []
    known: list[Sketch] = []
    waiting: list[Sketch] = []
    window: list[LabelledBatch] = []
    reference: Reference | None = None
    for batch in batches:
        window = keep_window(config, [*window, batch])
        newest = sketch_inputs(batch.inputs, schema)
        tests: list[DriftTest] = []
        if reference is not None:
            training_set = build_training_set(config, schema, window, [], batch.number)
            past = [one for one in past if one[0] >= batch.number - MOST_PAST]
            sketches = [*known, *waiting, newest]
            tests = judge_data(config, training_set, schema, reference, sketches, len(known), past)
            tests += judge_concept(config, training_set, schema, past, tests)
            past += [(batch.number, test) for test in tests]
        columns = compute_drift(reference, batch.inputs) if reference is not None else ()
        yield Judged(batch, tuple(tests), float(np.mean([one.distance for one in columns])) if columns else 0.0)
        waiting = [newest]
        if learned is None or batch.number <= learned:
            reference = describe_window(schema, window)
            known, waiting = [*known, newest][-config.training.window_batches :], []


def keep_window(config: Config, batches: list[LabelledBatch]) -> list[LabelledBatch]:
    """Return the newest batches, as many as an update learns from."""
    kept, room = [], limit_rows(config.training, batches[-1].inputs.shape[1])
    for batch in batches[-config.training.window_batches :][::-1]:
        if room <= 0:
            break
        kept.append(batch)
        room -= len(batch)
    return kept[::-1]
