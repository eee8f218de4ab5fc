"""What an update learns from: the window of batches, the rows that models are fitted on, and the delay of labels."""

from collections.abc import Sequence
from dataclasses import dataclass

from pointsman.common.records import LabelledBatch
from pointsman.pipeline.labels.delay import resolve_gap
from pointsman.pipeline.preparation.features import EngineeredBatches
from pointsman.pipeline.preparation.release import load_released
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.preparation.window import StoredBatches, build_training_set, gather_window
from pointsman.registry.update_run import UpdateRun


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Batches, oldest first, the newest of which was not learned yet, and their rows with features.

    gap:        the time between learning and validation rows, since labels come late
    engineered: the features of these batches
    """

    window: Sequence[LabelledBatch]
    training_set: TrainingSet
    gap: str
    engineered: EngineeredBatches

    @property
    def newest(self) -> LabelledBatch:
        """The batch that the update takes in."""
        return self.window[-1]


def gather_training_data(run: UpdateRun, batch: LabelledBatch, earlier: StoredBatches) -> TrainingData:
    """Return the newest stored batches and this one, as many as the window and its rows allow."""
    with run.watch.stage("preparation"):
        window = gather_window(run.config, batch, earlier)
        gap = resolve_gap(run.config, run.state, window)
        released = load_released(run.config, run.state, run.schema, window)
        engineered = EngineeredBatches(run.schema, run.config.features)
        training_set = build_training_set(run.config, run.schema, window, released, run.number, gap, engineered)
    return TrainingData(window, training_set, gap, engineered)
