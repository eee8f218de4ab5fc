"""Clean batches as files: typed inputs, times and targets, so that later updates need not judge them again."""

import numpy as np
import pandas as pd

from pointsman.common.reading import encode_target
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.files import FileStore

TIME, TARGET = "__time__", "__target__"


def save_clean_batch(files: FileStore, batch: LabelledBatch, schema: Schema) -> str:
    """Store a clean batch and return the file's name. Classes are kept as labels, whose codes may change later."""
    target = batch.target
    if schema.task.is_classification:
        target = np.array(schema.classes, dtype=object)[batch.target.astype(int)]
    return files.save_table(batch.inputs.assign(**{TIME: batch.times.to_numpy()}).assign(**{TARGET: target}))


def load_clean_batch(files: FileStore, name: str, number: int, schema: Schema) -> LabelledBatch:
    """Return a stored clean batch, its classes coded by ``schema``; an input that came later is all missing."""
    table = files.load_table(name)
    labels = table[TARGET].astype("str") if schema.task.is_classification else table[TARGET]
    inputs = table.reindex(columns=list(schema.inputs))
    types = dict.fromkeys(schema.numeric, "float64") | dict.fromkeys(schema.categorical, "str")
    return LabelledBatch(
        number=number,
        inputs=inputs.astype(types | dict.fromkeys(schema.dates, "datetime64[us]")),
        times=pd.Series(table[TIME]),
        target=encode_target(labels, schema),
    )
