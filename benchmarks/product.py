"""The product in the quality benchmark: asked through ``infer``, then taught through ``update_once``."""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.protocol import Batch, Observation, Stream
from pointsman.common.config import Config
from pointsman.common.errors import BatchRejected
from pointsman.common.reading import read_inputs
from pointsman.common.schema import Schema
from pointsman.common.storage.state import State, open_state
from pointsman.common.tabular.reader import read_table
from pointsman.common.tabular.writers import write_table
from pointsman.meta.records import predict_outputs
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.inference import infer
from pointsman.pipeline.preparation.cleaning import clean_inputs
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.update import update_once
from pointsman.registry.generations import load_generation
from pointsman.registry.versions import load_model

UNIT, LINE = "product", "line "


def watch_product(stream: Stream, warm_up: int) -> list[Observation]:
    """Return the product's observations on every batch, and those of each active line where it was asked."""
    observations: list[Observation] = []
    with tempfile.TemporaryDirectory() as folder:
        config = stream.config.model_copy(update={"state_dir": Path(folder) / "state"})
        reader = PartReader(config.schema_)
        with open_state(config) as state:
            for batch in stream.batches:
                answered = None
                if batch.number > warm_up:
                    observations += observe_lines(stream, config, state, batch)
                    answered = ask(config, stream.schema, batch, Path(folder))
                seconds = learn(stream, config, state, reader, batch)
                observations.append(stream.observe(UNIT, UNIT, batch, answered, seconds))
                print(f"{stream.name}: product, batch {batch.number}, {seconds:.0f} s", file=sys.stderr, flush=True)
    return observations


def ask(config: Config, schema: Schema, batch: Batch, folder: Path) -> np.ndarray:
    """Return what the newest generation answers to a request of all rows of a batch, for those with a target."""
    request = folder / f"batch-{batch.number}.parquet"
    write_table(batch.frame.drop(columns=schema.target), request)
    return read_answer(infer(config, request), schema)[batch.labelled]


def read_answer(path: Path, schema: Schema) -> np.ndarray:
    """Return the answers in an answered table: (n_rows, 2) probabilities or (n_rows, 1) numbers."""
    table = read_table(path)
    if not schema.task.is_classification:
        return table[["predict"]].to_numpy(dtype="float64")
    positive = table["predict_proba"].to_numpy(dtype="float64")
    return np.column_stack([1 - positive, positive])


def observe_lines(stream: Stream, config: Config, state: State, batch: Batch) -> Iterator[Observation]:
    """Yield every active line on the rows of a batch, each asked alone."""
    generation = load_generation(state)
    assert generation.schema is not None
    features = read_request(config, generation.schema, batch.frame[batch.labelled])
    for version in generation.versions:
        predicted = predict_outputs(load_model(state.files, version), features, stream.schema.classes)
        yield stream.observe(UNIT, LINE + version.line, batch, predicted)


def read_request(config: Config, schema: Schema, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the features that models read of raw rows."""
    inputs = clean_inputs(read_inputs(frame, schema), config.quality, schema)
    return engineer_features(inputs, schema, config.features)


def learn(stream: Stream, config: Config, state: State, reader: PartReader, batch: Batch) -> float:
    """Teach the product the batch and return the update's processor seconds; a rejected one is no error.

    Raises RuntimeError where the update took other rows, since they may be rows that are still to be predicted.
    """
    started = time.process_time()
    try:
        update_once(config, state, reader)
    except BatchRejected as rejection:
        print(f"{stream.name}: {rejection}", file=sys.stderr)
    seconds = time.process_time() - started
    if load_generation(state).cursor != batch.cursor:
        raise RuntimeError(f"the update after batch {batch.number - 1} of '{stream.name}' took other rows than those")
    return seconds
