"""Concept drift: whether outcomes still follow a model's predictions as they did before, whatever the inputs are like.

A loss rises when rows become harder to tell apart, too; that is data drift. So what is tested is calibration, which
does not depend on how rows are spread: the level and the slope at which outcomes follow what was predicted (Cox 1958),
by one Newton step from perfect calibration, and for numbers the size of the error, too. A deviation is held against
those of the stream's earlier batches by a random-effects interval (DerSimonian & Laird 1986): what differs a little
between any two batches, or with the season, raises no alarm.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats

from pointsman.common.task import Task

LEAST_PAST = 6
"""Earlier batches without which nothing is judged."""
HALF_LIFE = 40.0
"""Batches after which an earlier one counts half."""
CLIP = 1e-4
"""Probabilities are taken at least so far from 0 and 1."""
FLAT = 1e-5
"""Predictions with less than this standard deviation, in log-odds or in that of the target, have no slope."""
MOST_CLASSES = 10
"""Of more classes, the most frequent ones are looked at."""


class Relation(StrEnum):
    """How outcomes may deviate from predictions."""

    LEVEL = "level"
    SLOPE = "slope"
    ERROR = "size of the error"


@dataclass(frozen=True)
class Deviation:
    """How far outcomes deviate from predictions in one batch, 0 for perfect calibration, and its standard error.

    Levels and slopes of classes are in log-odds; ``label`` is the class, '' for all of them or a number.
    """

    relation: Relation
    label: str
    estimate: float
    error: float


def compute_deviations(
    task: Task, classes: Sequence[str], target: np.ndarray, outputs: np.ndarray
) -> tuple[Deviation, ...]:
    """Return how targets (n_rows,) deviate from outputs (n_rows, n_outputs): probabilities by class, or one prediction.

    A deviation that is too large for a float is left out.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = tuple(
            _list_class_deviations(classes, target, outputs)
            if task.is_classification
            else _list_number_deviations(target, outputs[:, 0])
        )
    return tuple(one for one in found if np.isfinite([one.estimate, one.error]).all())


def _list_class_deviations(classes: Sequence[str], target: np.ndarray, outputs: np.ndarray) -> Iterator[Deviation]:
    counts = np.bincount(target.astype(int), minlength=len(classes))
    codes = [1] if len(classes) == 2 else sorted(np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist())
    numerator, squares, information, total = 0.0, 0.0, 0.0, 0.0
    for code in codes:
        predicted = np.clip(outputs[:, code], CLIP, 1 - CLIP)
        residual, weight = (target == code) - predicted, predicted * (1 - predicted)
        odds = np.log(predicted / (1 - predicted))
        odds -= weight @ odds / weight.sum()
        label = "" if len(classes) == 2 else str(classes[code])
        yield Deviation(
            Relation.LEVEL,
            label,
            float(residual.sum() / weight.sum()),
            float(np.sqrt((residual**2).sum()) / weight.sum()),
        )
        numerator += residual @ odds
        squares += (residual**2) @ odds**2
        information += weight @ odds**2
        total += weight.sum()
    if information > FLAT**2 * total:
        yield Deviation(Relation.SLOPE, "", float(numerator / information), float(np.sqrt(squares) / information))


def _list_number_deviations(target: np.ndarray, predicted: np.ndarray) -> Iterator[Deviation]:
    residual, centred, rows = target - predicted, predicted - predicted.mean(), len(target)
    scale = _measure_spread(target)
    yield Deviation(Relation.LEVEL, "", float(residual.mean() / scale), float(residual.std() / scale / np.sqrt(rows)))
    spread = float(centred @ centred)
    if spread > (FLAT * scale) ** 2 * rows:
        off = residual - residual.mean()
        yield Deviation(Relation.SLOPE, "", float(off @ centred / spread), float(np.sqrt(off**2 @ centred**2) / spread))
    absolute = np.abs(residual)
    if absolute.mean() > 0:
        size = float(absolute.mean() / scale)
        yield Deviation(Relation.ERROR, "", float(np.log(size)), float(absolute.std() / scale / np.sqrt(rows) / size))


@dataclass(frozen=True)
class ExpectedLoss:
    """What deviations were like before: mean, its standard error, spread beyond chance, and degrees of freedom."""

    mean: float
    error: float
    spread: float
    freedom: float

    def compute_p_value(self, deviation: Deviation) -> float:
        """Return how probable a deviation at least as far from the mean is in a stable batch."""
        return float(2 * stats.t.sf(abs(deviation.estimate - self.mean) / self._scale(deviation), self.freedom))

    def _scale(self, deviation: Deviation) -> float:
        return float(np.sqrt(self.spread**2 + deviation.error**2 + self.error**2)) or 1e-12


def learn_expectation(past: Sequence[tuple[float, float]]) -> ExpectedLoss | None:
    """Return what to expect, from earlier estimates and their errors, oldest first; None where they are too few."""
    if len(past) < LEAST_PAST:
        return None
    estimates, errors = np.array(past).T
    recency = 0.5 ** (np.arange(len(past))[::-1] / HALF_LIFE)
    recency /= recency.sum()
    known = float(1 / (recency @ recency))
    mean = float(recency @ estimates)
    variance = float(recency @ (estimates - mean) ** 2) * known / (known - 1)
    spread = np.sqrt(max(0.0, variance - float(recency @ errors**2)))
    error = np.sqrt((recency**2) @ (errors**2 + spread**2))
    return ExpectedLoss(mean, float(error), float(spread), known - 1)


def find_changes(losses: np.ndarray, newest: int) -> Mapping[str, int]:
    """Return by detector the first of the ``newest`` rows at which it saw the mean of row losses (n_rows,) change.

    The rows are in order of time. ADWIN (Bifet & Gavalda 2007) and the Page-Hinkley test (Page 1954) say when;
    whether the batch counts as drifted is left to the test of the whole batch.
    """
    from river.drift import ADWIN, PageHinkley

    scale = _measure_spread(losses)
    detectors = {"ADWIN": ADWIN(), "Page-Hinkley": PageHinkley(threshold=50.0, mode="both")}
    found: dict[str, int] = {}
    first = len(losses) - newest
    for name, detector in detectors.items():
        for row, loss in enumerate((losses / scale).tolist()):
            detector.update(loss)
            if detector.drift_detected and row >= first and name not in found:
                found[name] = row - first
    return found


def _measure_spread(numbers: np.ndarray) -> float:
    """Return the standard deviation; 1 where all numbers are equal, since rounding would leave a tiny one."""
    return (float(np.std(numbers)) if len(np.unique(numbers)) > 1 else 0.0) or 1.0
