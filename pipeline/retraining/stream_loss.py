"""Loss without labels in hindsight: what an update would have estimated, had its models served until then."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from pointsman.common.sampling import spread_rows
from pointsman.meta.estimation.estimator import estimate
from pointsman.meta.estimation.fitting import fit_estimator
from pointsman.meta.flags import find_kinds
from pointsman.meta.past import MAX_BATCHES
from pointsman.meta.records import CLEAN, CLEAN_ROWS, OutOfSamplePredictions, RecordRows
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.reference_fitting import fit_input_reference
from pointsman.pipeline.retraining.stream import ReplayedStream

LINE = "replayed"


class ReplayedLoss:
    """Estimates the loss on batches of a stream as updates do, by the same estimator, from records of earlier batches.

    Records hold no damaged copies here: batches are estimated as they come.
    """

    def __init__(self, stream: ReplayedStream) -> None:
        self.stream = stream
        self.describe_rows = cache(self._describe_rows)

    def sample(self, outputs: np.ndarray) -> np.ndarray:
        """Return the outputs (n_rows, n_outputs) for those rows of a batch that a record holds."""
        return outputs[spread_rows(len(outputs), CLEAN_ROWS)].astype(np.float32)

    def estimate(self, batch: int, outputs: np.ndarray, earlier: Mapping[int, np.ndarray]) -> float | None:
        """Return the estimated loss of sampled outputs for a batch; None where too few batches were predicted before.

        ``earlier`` holds the sampled outputs for batches before it, by place, in order. It is the root of the mean
        squared error for a regression.
        """
        if not earlier:
            return None
        asked = self.describe_rows(batch)
        rows = {place: self.describe_rows(place) for place in list(earlier)[-MAX_BATCHES - 1 :]}
        width = max(1, len(asked.classes), *(len(one.classes) for one in rows.values()))
        records = [OutOfSamplePredictions(one, {LINE: earlier[place][:, :width]}) for place, one in rows.items()]
        measure = "log_loss" if asked.task.is_classification else "rmse"
        made = estimate(fit_estimator(records, LINE, [measure]), outputs[:, :width], asked.kinds)
        return made.measures[measure].estimated if measure in made.measures else None

    def _describe_rows(self, batch: int) -> RecordRows:
        """Return the record rows of a batch with the classes that were known and by what was normal before it."""
        met, training_set = self.stream.load(batch), self.stream.build_training_set(batch - 1)
        sample = spread_rows(len(met), CLEAN_ROWS)
        normal = fit_input_reference(training_set.rows.features.drop(columns=list(training_set.rows.seasons)))
        kinds = find_kinds(flag_cells(self.stream.read_features(met).iloc[sample], normal))
        return RecordRows(
            batch=met.number,
            task=training_set.task,
            classes=training_set.classes,
            parts=(CLEAN,),
            profiles=(),
            part=np.zeros(len(sample), dtype=np.int16),
            target=met.target[sample],
            kinds=kinds,
            quality=np.empty((len(sample), 0), dtype=np.float32),
        )
