"""What a backtest replays, and how it is fitted: as an update would, on the window up to a batch."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from common.config import Config
from common.errors import DataError, first_line
from common.metrics import compute_row_losses
from common.records import LabelledBatch
from common.schema import Schema
from common.seeding import derive_seed
from meta.records import predict_outputs
from model_zoo.candidate import Candidate
from model_zoo.model import Model
from pipeline.analysis.drift.reference import Reference
from pipeline.evidence import describe_batches, expect_loss, is_drifted, measure_distance
from pipeline.preparation.features import engineer_features, find_seasons
from pipeline.training.contenders import Ground
from pipeline.training.replay import BLOCKS, Meeting
from pipeline.training.rows import join_rows

REMEMBERED = 5
"""Newest batches whose drift, at their time, a batch's drift is held against."""


@dataclass(frozen=True, eq=False)
class Replayed:
    """A stream to replay: clean batches, counted from 1, and the candidate that learns them.

    load: returns a batch by its place; ``names`` tell batches apart, for the identity of a backtest
    """

    config: Config
    schema: Schema
    candidate: Candidate
    names: tuple[str, ...]
    load: Callable[[int], LabelledBatch]

    def __len__(self) -> int:
        return len(self.names)


class Fitting:
    """Fits the stream's candidate as an update would, on the window up to a batch."""

    def __init__(self, stream: Replayed) -> None:
        self.stream = stream
        self.describe = cache(self._describe)
        self.measure = cache(self._measure)

    def fit(self, trained: int) -> "FittedModel":
        """Return the candidate fitted on the newest rows of the batches up to one, and what that took."""
        stream, config = self.stream, self.stream.config
        window = self.gather(trained)
        parts = [(place, self.read_features(batch), batch.target, batch.times) for place, batch in window.items()]
        rows = join_rows(parts, config.training.max_rows, find_seasons(stream.schema, config.features))
        seed = derive_seed(config.seed, "update", window[trained].number)
        classes = self.list_classes(rows.target)
        ground = Ground(rows, stream.schema.task, classes, seed, config.training.threads, config.training.gap)
        started = time.perf_counter()
        try:
            model = ground.fit(stream.candidate, rows)
        except Exception as error:  # a fit may fail in any library; the user needs to know which and on what
            raise DataError(
                f"The candidate {stream.candidate.family}/{stream.candidate.variant} could not be fitted on the "
                f"batches up to {trained} ({first_line(error)}); run a backtest again once another one is champion."
            ) from error
        return FittedModel(self, trained, model, time.perf_counter() - started)

    def gather(self, trained: int) -> dict[int, LabelledBatch]:
        """Return the batches by place, oldest first, that an update after that batch would learn from."""
        training = self.stream.config.training
        window: dict[int, LabelledBatch] = {}
        room = training.max_rows
        for place in range(trained, max(0, trained - training.window_batches), -1):
            if room <= 0:
                break
            window[place] = self.stream.load(place)
            room -= len(window[place])
        return dict(sorted(window.items()))

    def read_features(self, batch: LabelledBatch) -> pd.DataFrame:
        """Return what models see of a batch."""
        return engineer_features(batch.inputs, self.stream.schema, self.stream.config.features)

    def list_classes(self, target: np.ndarray) -> tuple[str, ...]:
        """Return the classes of two, or of more those that rows so far show: later ones are appended to the schema."""
        classes = self.stream.schema.classes
        return classes if len(classes) <= 2 else classes[: max(2, int(target.max()) + 1)]

    def is_drifted(self, trained: int, batch: int) -> bool:
        """Return whether a batch's inputs have drifted from those learned up to another one."""
        past = range(max(2, trained + 1 - REMEMBERED), trained + 1)
        return is_drifted(self.measure(trained, batch), [self.measure(place - 1, place) for place in past])

    def _measure(self, trained: int, batch: int) -> float:
        return measure_distance(self.describe(trained), self.stream.load(batch))

    def _describe(self, trained: int) -> Reference:
        return describe_batches(list(self.gather(trained).values()), self.stream.schema)


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model fitted on the batches up to ``trained``."""

    fitting: Fitting
    trained: int
    model: Model
    seconds: float

    def meet(self, batch: int) -> Meeting:
        """Predict a later batch, then lay it beside its labels."""
        schema = self.fitting.stream.schema
        met = self.fitting.stream.load(batch)
        outputs = predict_outputs(self.model, self.fitting.read_features(met), schema.classes)
        predicted = outputs if schema.task.is_classification else outputs[:, 0]
        losses = compute_row_losses(schema.task, met.target, predicted)
        blocks = np.array_split(losses, min(BLOCKS, len(losses)))
        return Meeting(
            trained=self.trained,
            batch=batch,
            rows=len(losses),
            losses=tuple(float(block.mean()) for block in blocks),
            drifted=self.fitting.is_drifted(self.trained, batch),
            expected=expect_loss(schema.task, outputs),
        )
