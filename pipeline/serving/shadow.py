"""Shadow mode: what every version of a generation predicts for rows that it served, off the answer path.

An answer is a mixture and tells nothing of its members, nor of models that were not chosen and of challengers. Their
outputs are kept with the rows, so that labels grade all of them once they come.
"""

import logging
import time

import numpy as np

from pointsman.common.errors import first_line
from pointsman.common.sampling import spread_rows
from pointsman.meta.records import predict_outputs
from pointsman.model_zoo.readings import Readings
from pointsman.pipeline.labels.served_rows import AnsweredRows
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.serving.predictor import Predictor

log = logging.getLogger(__name__)

SHARE = 0.1
"""Share of the time that scoring may take; answers need the processor more."""


class Shadow:
    """Scores logged rows, a bounded number at each call, and then pauses nine times as long as that took."""

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._rests_until = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the pause is over."""
        return time.monotonic() >= self._rests_until

    def score(self, predictor: Predictor, rows: AnsweredRows) -> AnsweredRows:
        """Return the rows with what versions and challengers predict for them; NaN for rows beyond the limit."""
        started = time.monotonic()
        scored = score_rows(predictor, rows, spread_rows(len(rows), self._most_rows))
        self._rests_until = time.monotonic() + (time.monotonic() - started) * (1 / SHARE - 1)
        return scored


def score_rows(predictor: Predictor, rows: AnsweredRows, chosen: np.ndarray) -> AnsweredRows:
    """Return rows with what versions and challengers of a generation predict for the ``chosen`` positions of them.

    A version that fails is left out.
    """
    generation, schema = predictor.generation, predictor.schema
    readings = Readings(engineer_features(rows.inputs.iloc[chosen], schema, predictor.config.features))
    by_version: dict[str, np.ndarray] = {}
    for version in (*generation.versions, *generation.challengers):
        try:
            model = predictor.shelf.load(version)
            predicted = predict_outputs(model, readings.of(model), schema.classes)
        except Exception as error:  # a version may fail in any library; the request has been answered without it
            log.warning("version %s could not score served rows: %s", version.id, first_line(error))
            continue
        outputs = np.full((len(rows), predicted.shape[1]), np.nan, dtype=np.float32)
        outputs[chosen] = predicted
        by_version[version.id] = outputs
    return rows.with_versions(by_version)
