"""What an update learns from: stored batches, the window of the newest of them, and its rows with their features."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.seeding import derive_seed
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.preparation.capacity import limit_rows
from pointsman.pipeline.preparation.clean_store import load_clean_batch
from pointsman.pipeline.preparation.features import EngineeredBatches, find_seasons
from pointsman.pipeline.preparation.release import read_raw_rows
from pointsman.pipeline.preparation.training_set import TrainingSet, join_rows
from pointsman.pipeline.quality.stored import quarantine_table
from pointsman.registry.commit import load_config_of

log = logging.getLogger(__name__)


def load_batch(config: Config, state: State, schema: Schema, stored: Mapping[str, Any]) -> LabelledBatch:
    """Return the clean batch of a row of the batches table.

    Where its file is gone or altered, the raw rows are cleaned again, with the configuration that cleaned them first.
    """
    number = stored["number"]
    try:
        return load_clean_batch(state.files, stored["clean_file"], number, schema)
    except StateError as error:
        log.warning("batch %d is cleaned again from its raw file: %s", number, error)
    aside = sa.select(quarantine_table.c.row).where(quarantine_table.c.batch == number)
    kept = np.setdiff1d(np.arange(stored["rows"]), [row["row"] for row in read_rows(state.engine, aside)])
    then = load_config_of(state, stored["generation"], config)
    return read_raw_rows(then, state, schema, number, stored["file"], stored["time_format"], kept.tolist())


class StoredBatches:
    """The clean batches of a state. Each is read when it is first asked for, and then kept."""

    def __init__(self, config: Config, state: State, schema: Schema) -> None:
        self.config, self.state, self.schema = config, state, schema
        self._read: dict[int, LabelledBatch] = {}

    def read_newest(self, most: int) -> Iterator[LabelledBatch]:
        """Yield the newest accepted batches, at most so many, the newest first."""
        query = sa.select(batches).where(batches.c.status == "accepted").order_by(batches.c.number.desc()).limit(most)
        for stored in read_rows(self.state.engine, query) if most > 0 else []:
            number = stored["number"]
            if number not in self._read:
                self._read[number] = load_batch(self.config, self.state, self.schema, stored)
            yield self._read[number]


def gather_window(config: Config, batch: LabelledBatch, earlier: StoredBatches) -> list[LabelledBatch]:
    """Return the newest stored batches and this one, oldest first: as many as the window and its rows allow."""
    window, room = [batch], limit_rows(config.training, batch.inputs.shape[1]) - len(batch)
    newest = earlier.read_newest(config.training.window_batches - 1)
    while room > 0 and (stored := next(newest, None)) is not None:
        window.append(stored)
        room -= len(stored)
    return window[::-1]


def build_training_set(
    config: Config,
    schema: Schema,
    window: Sequence[LabelledBatch],
    released: Sequence[LabelledBatch],
    number: int,
    gap: str = "0s",
    engineered: EngineeredBatches | None = None,
) -> TrainingSet:
    """Return the newest rows of the window with their features: what models are fitted on.

    Rows released from quarantine come before the others of their batch, so that the last rows of a batch stay those
    that its record covers.
    """
    in_order = sorted([*released, *window], key=lambda one: one.number)
    engineered = engineered or EngineeredBatches(schema, config.features)
    parts = [(one.number, engineered.of(one), one.target, one.times) for one in in_order]
    most = limit_rows(config.training, window[-1].inputs.shape[1])
    rows = join_rows(parts, most, find_seasons(schema, config.features))
    seed = derive_seed(config.seed, "update", number)
    return TrainingSet(rows, schema.task, schema.classes, seed, config.training.threads, gap)
