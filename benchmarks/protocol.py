"""The protocol of the quality benchmark: a stream in equal batches, each predicted before it is learned."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.metrics import compute_calibration_error, compute_metrics
from pointsman.common.reading import encode_target, read_inputs, read_labels
from pointsman.common.records import RawBatch
from pointsman.common.schema import Schema
from pointsman.common.tabular.reader import read_table
from pointsman.common.task import Task
from pointsman.pipeline.collection.batching import take_batch
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.collection.roles import infer_schema
from pointsman.pipeline.quality.gate import extend_classes

PRIMARY = {Task.BINARY: "roc_auc", Task.REGRESSION: "rmse"}
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class Observation:
    """One contestant on one batch. ``metrics`` is empty for a batch that is learned only, as warm-up is.

    ``unit`` is the part of the run that brought it. ``seconds`` are those of learning: the product's update with this
    batch, another's fit on the rows before it. ``rows`` are those with a target, on which metrics are computed.
    """

    stream: str
    task: str
    unit: str
    contestant: str
    batch: int
    rows: int
    metrics: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch: its raw ``frame``, and of its rows with a target what refitted contestants read.

    cursor:   where the source stands once the batch is taken
    labelled: (n_rows,) bool, rows of ``frame`` that have a target
    features: (n_labelled, n_features) float64 numbers and ``str`` levels
    target:   (n_labelled,) class codes or numbers
    """

    number: int
    cursor: Mapping[str, Any]
    frame: pd.DataFrame
    labelled: np.ndarray
    features: pd.DataFrame
    target: np.ndarray


@dataclass(frozen=True, eq=False)
class Stream:
    """A stream cut into batches as ``update`` with ``config`` cuts it."""

    name: str
    config: Config
    schema: Schema
    batches: tuple[Batch, ...]

    @property
    def task(self) -> Task:
        """The task of the target."""
        return self.schema.task

    def observe(
        self, unit: str, contestant: str, batch: Batch, predicted: np.ndarray | None, seconds: float = 0.0
    ) -> Observation:
        """Return the contestant's observation; ``predicted`` (n_labelled, n_outputs) is None where it was not asked."""
        metrics = {} if predicted is None else score(self.task, batch.target, predicted)
        return Observation(
            self.name, self.task.value, unit, contestant, batch.number, len(batch.target), metrics, seconds
        )


def count_rows(config: Config) -> int:
    """Return the rows of the stream's files."""
    return sum(len(read_table(config.data_dir / Path(path))) for path in config.source.paths)


def cut_stream(name: str, config: Config, rows: int | None, batches: int) -> Stream:
    """Return the first ``batches`` batches of ``rows`` rows, typed by the schema that ``update`` finds in the first.

    Without ``rows`` the stream is cut as its configuration says.
    """
    if rows is not None:
        cut = config.batch.model_copy(update={"rows": rows, "period": None})
        config = config.model_copy(update={"batch": cut})
    reader, cursor, taken = PartReader(config.schema_), None, []
    for number in range(1, batches + 1):
        taken.append(take_batch(config, cursor, number, list, reader))
        cursor = taken[-1].cursor
    schema = infer_schema(taken[0].frame, config, taken[0].origin)
    for raw in taken:
        schema = extend_classes(raw, schema)
    if schema.task not in PRIMARY:
        raise ValueError(f"the stream '{name}' has a {schema.task} target; use streams with a binary one or a number")
    return Stream(name, config, schema, tuple(read_batch(raw, schema) for raw in taken))


def read_batch(raw: RawBatch, schema: Schema) -> Batch:
    """Return a batch as every contestant sees it."""
    target = encode_target(read_labels(raw.frame[schema.target], schema), schema)
    labelled = np.isfinite(target)
    features = read_features(raw.frame, raw.times, schema)[labelled].reset_index(drop=True)
    return Batch(raw.number, raw.cursor, raw.frame, labelled, features, target[labelled])


def read_features(frame: pd.DataFrame, times: pd.Series, schema: Schema) -> pd.DataFrame:
    """Return numbers and levels, the time column as month, weekday and hour, other dates as days since 1970."""
    inputs = read_inputs(frame, schema)
    columns = {name: inputs[name] for name in (*schema.numeric, *schema.categorical)}
    when = pd.DatetimeIndex(times)
    for part, cells in (("month", when.month), ("weekday", when.day_of_week), ("hour", when.hour)):
        columns[f"{schema.time}_{part}"] = pd.Series(np.asarray(cells, dtype="float64"), index=frame.index)
    for name in schema.dates:
        if name != schema.time:
            columns[name] = (inputs[name] - pd.Timestamp(0)).dt.total_seconds() / SECONDS_A_DAY
    return pd.DataFrame(columns, index=frame.index)


def score(task: Task, target: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return the metrics of predictions (n_rows, n_outputs) that the tables show; an undefined one is left out."""
    if not task.is_classification:
        return {"rmse": compute_metrics(task, target, predicted[:, 0])["rmse"]}
    known = compute_metrics(task, target, predicted)
    shown = {name: known[name] for name in ("roc_auc", "log_loss") if name in known}
    return shown | {"calibration_error": compute_calibration_error(target, predicted)}
