"""The row keys of a batch: digests that tell whether it has a served row, kept as long as late labels may arrive."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.state import State
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.pipeline.labels.queries import load_digest_files
from pointsman.pipeline.labels.served_rows import compute_keys, compute_named_keys

log = logging.getLogger(__name__)

MOST_BATCHES = 200
"""How many of the newest batches a labelled row is looked for in."""


@dataclass(frozen=True, eq=False)
class RowKeys:
    """Digests (n_rows,) uint64 of a batch's rows: of their inputs, and of the columns that name them (0 without)."""

    digests: np.ndarray
    keys: np.ndarray

    def has(self, digests: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return which rows (n_rows,) bool are in the batch, by the digests of their inputs or their keys."""
        return np.where(self.names(keys), np.isin(keys, self.keys), np.isin(digests, self.digests))

    def names(self, keys: np.ndarray) -> np.ndarray:
        """Return which rows (n_rows,) bool can be found by key: those that have one, if the batch has keys."""
        return (keys != 0) & self.keys.any()


def digest_rows(config: Config, schema: Schema, batch: LabelledBatch, raw: pd.DataFrame) -> RowKeys:
    """Return the row keys of a batch; ``raw`` are its rows as they came."""
    absent = [name for name in config.labels.key_columns if name not in raw]
    if absent:
        named = ", ".join(map(repr, absent))
        log.warning("batch %d has no column %s (labels.key_columns); rows are compared by inputs", batch.number, named)
    keys = compute_named_keys(raw, config.labels.key_columns, schema)
    return RowKeys(compute_keys(batch.inputs, schema.inputs), keys)


def load_earlier_keys(state: State) -> list[RowKeys]:
    """Return the row keys of the newest batches before."""
    contents = [state.files.load_if_sound(file) for file in load_digest_files(state, MOST_BATCHES)]
    return [RowKeys(**load_arrays(content)) for content in contents if content is not None]


def save_keys(state: State, batch: int, row_keys: RowKeys) -> dict[str, Any]:
    """Store the digests of a batch and return their row."""
    return {"batch": batch, "file": state.files.save(dump_arrays(digests=row_keys.digests, keys=row_keys.keys), ".npz")}
