"""A made stream to replay: batches whose target follows two columns, until both change."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.pipeline.retraining.stream import ReplayedStream


def make_stream(
    task: Task,
    batches: int = 9,
    changed_from: int | None = None,
    changes: Collection[str] = ("inputs", "labels"),
    rows: int = 120,
) -> ReplayedStream:
    """Batches whose target follows their inputs; from ``changed_from`` on either, or both, are others.

    Their numbers leave one out, as that of a rejected batch would be.
    """
    schema = Schema(
        time="day",
        target="y",
        task=task,
        numeric=("size",),
        categorical=("make",),
        classes={Task.BINARY: ("n", "y"), Task.MULTICLASS: ("a", "b", "c")}.get(task, ()),
    )
    made = []
    for number in range(1, batches + 1):
        generator = np.random.default_rng(number)
        size, make = generator.normal(size=rows), generator.choice(["ford", "lada"], rows)
        target = size + (make == "lada")
        if task is not Task.REGRESSION:
            edges = [0.5] if task is Task.BINARY else [0.0, 1.0]
            target = np.digitize(target, edges[:number] if task is Task.MULTICLASS else edges).astype(float)
        if changed_from is not None and number >= changed_from:
            target = target[::-1].copy() if "labels" in changes else target
            size = size + 4 if "inputs" in changes else size
        inputs = pd.DataFrame({"size": size, "make": pd.Series(make, dtype="str")})
        times = pd.Series(pd.date_range("2020-01-01", periods=rows) + pd.Timedelta(days=rows * number))
        made.append(LabelledBatch(number + (number > 4), inputs, times, target))
    config = Config.model_validate({"schema": {"time": "day", "target": "y"}})
    candidate = Candidate("linear", "onehot", get_family("linear").default_params(task))
    return ReplayedStream(config, schema, candidate, tuple(map(str, range(batches))), lambda place: made[place - 1])
