"""Which rows a model learned: a digest of each batch's part in them, so that a later look can tell if they changed."""

import hashlib
import json

import numpy as np
import pandas as pd

from pointsman.pipeline.preparation.training_set import TrainingRows
from pointsman.registry.versions import LearnedBatch


def digest_batches(rows: TrainingRows) -> tuple[LearnedBatch, ...]:
    """Return for each batch, oldest first, how many of the rows are of it and the SHA-256 of exactly those.

    It covers names and cells of all features, the targets and the times, in the order of the rows.
    """
    columns = [_prepare(rows.features[name]) for name in rows.features]
    numbers = [np.ascontiguousarray(rows.target, dtype="<f8"), rows.times.to_numpy("datetime64[ns]").astype("<i8")]
    header = json.dumps([str(name) for name in rows.features]).encode()
    learned = []
    for number in np.unique(rows.batches):
        mine = np.flatnonzero(rows.batches == number)
        digest = hashlib.sha256(header)
        for cells in [*columns, *numbers]:
            digest.update(_to_bytes(cells[mine]))
        learned.append(LearnedBatch(int(number), len(mine), digest.hexdigest()))
    return tuple(learned)


def _prepare(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype="<f8", na_value=np.nan)
    return column.astype(object).where(column.notna(), None).to_numpy()


def _to_bytes(cells: np.ndarray) -> bytes:
    return json.dumps(cells.tolist()).encode() if cells.dtype == object else np.ascontiguousarray(cells).tobytes()
