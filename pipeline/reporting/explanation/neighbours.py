"""The rows that nearest neighbours remember, found again among the stored batches: a neighbour as a person knows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from pointsman.common.records import LabelledBatch
from pointsman.model_zoo.knn import KnnParams
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.search import read_params

SHOWN = 5
"""Neighbours that are shown of each row."""

DIGITS = 4
"""To which scaled numbers are compared: the same row may have been scaled in another order of steps."""


@dataclass(frozen=True)
class Neighbour:
    """A remembered row near another one.

    ``distance`` is in scaled columns. ``batch``, ``time`` and ``cells`` are those of the stored row; None and empty
    where there is none, since what was learned was a damaged copy or the batch is no longer looked at.
    """

    distance: float
    target: str
    batch: int | None
    time: datetime | None
    cells: Mapping[str, float | str | None]


def find_neighbours(
    model: Model, asked: pd.DataFrame, learned: Sequence[LabelledBatch], shown: int = SHOWN
) -> list[list[Neighbour]]:
    """Return by row of ``asked`` (n_rows, n_features) the nearest rows that a model remembers, the nearest first.

    ``learned`` are the batches that it learned, with features for inputs.
    """
    memory = model.estimator.learned
    count = min(shown, read_params(KnnParams, model.estimator.params).neighbours, len(memory.rows))
    distances, places = memory.search(_scale(model, asked), count)
    found = _find_rows(model, np.unique(places), learned)
    return [
        [_describe(model, int(place), float(distance), found.get(int(place))) for distance, place in pairs]
        for pairs in (zip(*both, strict=True) for both in zip(distances, places, strict=True))
    ]


def _scale(model: Model, features: pd.DataFrame) -> np.ndarray:
    scaled: np.ndarray = model.estimator.learned.scaling.apply(model.encode(features).values).astype(np.float32)
    return scaled


def _find_rows(
    model: Model, places: np.ndarray, learned: Sequence[LabelledBatch]
) -> dict[int, tuple[LabelledBatch, int]]:
    """Return by remembered place the stored row of the same numbers and target, the one with the nearest levels.

    Levels may differ a little: what means of the target a row was learned with left out its own.
    """
    memory, width = model.estimator.learned, len(model.encoder.numeric)
    wanted: dict[bytes, list[int]] = {}
    for place in places:
        wanted.setdefault(_key(memory.rows[place, :width], memory.target[place]), []).append(int(place))
    found: dict[int, tuple[LabelledBatch, int]] = {}
    nearest: dict[int, float] = {}
    for batch in learned:
        rows = _scale(model, batch.inputs)
        for row, target in enumerate(batch.target):
            for place in wanted.get(_key(rows[row, :width], target), ()):
                away = float(np.abs(rows[row] - memory.rows[place]).sum())
                if away < nearest.get(place, np.inf):
                    nearest[place], found[place] = away, (batch, row)
    return found


def _key(numbers: np.ndarray, target: float) -> bytes:
    return np.append(np.round(numbers.astype(float), DIGITS) + 0.0, float(target)).tobytes()


def _describe(model: Model, place: int, distance: float, stored: tuple[LabelledBatch, int] | None) -> Neighbour:
    target = model.estimator.learned.target[place]
    shown = model.classes[int(target)] if model.task.is_classification else f"{target:.6g}"
    if stored is None:
        return Neighbour(distance, shown, None, None, {})
    batch, row = stored
    cells = batch.inputs.iloc[row].astype(object)
    kept = {str(name): None if pd.isna(cell) else cell for name, cell in cells.items()}
    return Neighbour(distance, shown, batch.number, pd.Timestamp(batch.times.iloc[row]).to_pydatetime(), kept)
