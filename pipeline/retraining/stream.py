"""What a backtest replays: the clean batches of a stream, and the windows that an update would have seen of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.preparation.capacity import limit_rows
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.preparation.window import build_training_set


@dataclass(frozen=True, eq=False)
class ReplayedStream:
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

    def gather(self, last: int) -> list[LabelledBatch]:
        """Return the batches, oldest first, that an update after one of them would learn from."""
        window: list[LabelledBatch] = []
        room = limit_rows(self.config.training, len(self.schema.inputs))
        for place in self.list_window(last)[::-1]:
            if room <= 0:
                break
            window.append(self.load(place))
            room -= len(window[-1])
        return window[::-1]

    def list_window(self, last: int) -> range:
        """Return the newest batches up to one, as many as the window may hold."""
        return range(max(1, last - self.config.training.window_batches + 1), last + 1)

    def build_training_set(self, last: int) -> TrainingSet:
        """Return what an update after a batch would learn; of several classes those that its rows show."""
        window = self.gather(last)
        training_set = build_training_set(self.config, self.schema, window, [], window[-1].number)
        return replace(training_set, classes=self.list_classes(training_set.rows.target))

    def read_features(self, batch: LabelledBatch) -> pd.DataFrame:
        """Return what models see of a batch."""
        return engineer_features(batch.inputs, self.schema, self.config.features)

    def list_classes(self, target: np.ndarray) -> tuple[str, ...]:
        """Return the classes of two, or of more those that rows so far show: later ones are appended to the schema."""
        classes = self.schema.classes
        return classes if len(classes) <= 2 else classes[: max(2, int(target.max()) + 1)]
