"""How a backtest fits and predicts: as an update would, on the window up to a batch."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pointsman.common.errors import DataError, first_line
from pointsman.common.metrics import compute_row_losses
from pointsman.meta.records import predict_outputs
from pointsman.model_zoo.model import Model
from pointsman.pipeline.retraining.simulation import BLOCKS, Evaluation, Met
from pointsman.pipeline.retraining.stream import ReplayedStream
from pointsman.pipeline.retraining.stream_drift import ReplayedDrift
from pointsman.pipeline.retraining.stream_loss import ReplayedLoss


class Fitting:
    """Fits the stream's candidate; ``met`` grows with every step that is finished."""

    def __init__(self, stream: ReplayedStream, met: Met) -> None:
        self.stream, self.met = stream, met
        self.drift, self.loss = ReplayedDrift(stream), ReplayedLoss(stream)

    def fit(self, trained: int) -> "FittedModel":
        """Return the candidate fitted on the newest rows of the batches up to one, and what that took."""
        candidate = self.stream.candidate
        training_set = self.stream.build_training_set(trained)
        started = time.perf_counter()
        try:
            model = training_set.fit(candidate, training_set.rows)
        except Exception as error:  # a fit may fail in any library; the user needs to know which and on what
            raise DataError(
                f"The candidate {candidate.family}/{candidate.variant} could not be fitted on the batches up to "
                f"{trained} ({first_line(error)}); run a backtest again once another one is champion."
            ) from error
        return FittedModel(self, trained, model, time.perf_counter() - started, self.load_earlier(trained))

    def load_earlier(self, trained: int) -> dict[int, np.ndarray]:
        """Return by place, in order, what was predicted of batches up to one by the models trained just before them."""
        task, classes = self.stream.schema.task, self.stream.schema.classes
        known = {
            batch: self.met[batch - 1, batch].outputs
            for batch in range(2, trained + 1)
            if (batch - 1, batch) in self.met
        }
        width = len(classes) if task.is_classification else 1
        return {
            batch: np.frombuffer(outputs, dtype=np.float32).reshape(-1, width)
            for batch, outputs in known.items()
            if outputs is not None
        }


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model fitted on the batches up to ``trained``; batches are met in order.

    earlier: sampled outputs for batches up to that one, by the models trained just before them
    own:     its own for batches that it has met
    """

    fitting: Fitting
    trained: int
    model: Model
    seconds: float
    earlier: Mapping[int, np.ndarray]
    own: dict[int, np.ndarray] = field(default_factory=dict)

    def meet(self, batch: int) -> Evaluation:
        """Predict a later batch, say what may be known of it without its labels, then lay it beside them."""
        stream, loss = self.fitting.stream, self.fitting.loss
        schema, met = stream.schema, stream.load(batch)
        outputs = predict_outputs(self.model, stream.read_features(met), schema.classes)
        sampled = loss.sample(outputs)
        estimated = loss.estimate(batch, sampled, {**self.earlier, **self.own})
        self.own[batch] = sampled
        losses = compute_row_losses(schema.task, met.target, outputs)
        blocks = np.array_split(losses, min(BLOCKS, len(losses)))
        return Evaluation(
            trained=self.trained,
            batch=batch,
            rows=len(losses),
            losses=tuple(float(block.mean()) for block in blocks),
            drifted=self.fitting.drift.is_drifted(self.trained, batch),
            estimated=estimated,
            outputs=sampled.tobytes() if batch == self.trained + 1 else None,
        )
