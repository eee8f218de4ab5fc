"""Estimates for unlabelled rows: what an answerer's outputs are expected to be worth, with an interval."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pointsman.common.metrics import METRICS
from pointsman.common.task import Task
from pointsman.meta.estimation.calibration import Calibrations, load_calibrations
from pointsman.meta.estimation.expectation import LOSSES, expect
from pointsman.meta.estimation.forecast import Forecast

MOST_ROWS = 10_000
"""Rows of a request that are looked at, evenly spread: more of them change no digit that matters."""
FLOOR = 1e-6
REACH = 7.0
"""Logarithms of losses are compared no further apart than this: a factor of about 1,000."""
CLEAN, DAMAGED = "clean", "damaged"


@dataclass(frozen=True)
class Measured:
    """The estimate of one measure; the interval covers nine requests out of ten. None of the numbers is NaN."""

    estimated: float
    lower: float
    upper: float

    def covers(self, realised: float) -> bool:
        """Return whether what labels showed lies in the interval."""
        return self.lower <= realised <= self.upper


@dataclass(frozen=True)
class Estimate:
    """What rows without labels are expected to show.

    answerer: whose past it rests on
    measures: those that could be estimated, by name: the loss first, then the configured metric if it is another one
    reason:   why a measure is missing; '' where none is
    threshold: least probability of a positive answer, on which measures of decisions depend
    """

    answerer: str
    rows: int
    measures: Mapping[str, Measured]
    reason: str = ""
    threshold: float = 0.5

    def describe(self) -> str:
        """Return the estimate in words."""
        known = [
            f"{name} {one.estimated:.4g} ({one.lower:.4g} to {one.upper:.4g} nine times of ten)"
            for name, one in self.measures.items()
        ]
        return "; ".join([*known, *([self.reason] if self.reason else [])])

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Estimate":
        """Return the estimate that ``to_json`` described."""
        measures = {name: Measured(**known) for name, known in stored["measures"].items()}
        return cls(**{**stored, "measures": measures})


@dataclass(frozen=True)
class Condition:
    """How outputs for one condition of input, clean or damaged, are judged: calibrations, and a forecast by measure."""

    calibrations: tuple[Calibrations, ...]
    forecasts: Mapping[str, Forecast]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        forecasts = {name: forecast.to_json() for name, forecast in self.forecasts.items()}
        return {"beliefs": [one.to_json() for one in self.calibrations], "forecasts": forecasts}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Condition":
        """Return the condition that ``to_json`` described."""
        forecasts = {name: Forecast.from_json(one) for name, one in stored["forecasts"].items()}
        return cls(tuple(load_calibrations(one) for one in stored["beliefs"]), forecasts)


@dataclass(frozen=True)
class PerformanceEstimator:
    """What an answerer's past says of its next outputs.

    measures:   names, the loss first
    threshold:  least probability of a positive answer
    usual:      share of flagged rows in batches as they come
    conditions: by CLEAN and DAMAGED; without CLEAN nothing is estimated, and ``reason`` says why
    """

    answerer: str
    task: Task
    classes: tuple[str, ...]
    measures: tuple[str, ...]
    threshold: float
    usual: float
    conditions: Mapping[str, Condition]
    reason: str = ""

    def choose(self, flagged: np.ndarray) -> str:
        """Return the condition that a request with flagged rows (n_rows,) is most like."""
        if DAMAGED not in self.conditions:
            return CLEAN
        return DAMAGED if flagged.mean() > (1 + self.usual) / 2 else CLEAN

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        plain = {name: getattr(self, name) for name in ("answerer", "threshold", "usual", "reason")}
        conditions = {name: one.to_json() for name, one in self.conditions.items()}
        return plain | {
            "task": self.task.value,
            "classes": list(self.classes),
            "measures": list(self.measures),
            "conditions": conditions,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "PerformanceEstimator":
        """Return the estimator that ``to_json`` described."""
        conditions = {name: Condition.from_json(one) for name, one in stored["conditions"].items()}
        rebuilt = {
            "task": Task(stored["task"]),
            "classes": tuple(stored["classes"]),
            "measures": tuple(stored["measures"]),
            "conditions": conditions,
        }
        return cls(**{**stored, **rebuilt})


def estimate(
    estimator: PerformanceEstimator, outputs: np.ndarray, kinds: np.ndarray, classes: Sequence[str] = ()
) -> Estimate:
    """Return what outputs (n_rows, n_outputs) for rows of each RowKind (n_rows,) are expected to show.

    ``classes`` are those of the outputs' columns, where there may be more of them than the estimator has met.
    """
    rows = len(outputs)
    if CLEAN not in estimator.conditions:
        return Estimate(estimator.answerer, rows, {}, estimator.reason)
    seen = np.linspace(0, rows - 1, min(rows, MOST_ROWS)).astype(int)
    flagged = kinds[seen] > 0
    condition = estimator.conditions[estimator.choose(flagged)]
    asked = _keep_classes(outputs[seen], classes, estimator.classes)
    calibrated = [calibrations.calibrate(asked, flagged) for calibrations in condition.calibrations]
    measures, absent = {}, []
    for name in estimator.measures:
        expected = [expect(name, estimator.task, asked, one, estimator.threshold) for one in calibrated]
        forecast = condition.forecasts.get(name)
        # No forecast was learned, or the measure is undefined here, as precision is where no row is called positive.
        if forecast is None or not np.isfinite(expected).all():
            absent.append(name)
            continue
        measures[name] = measure(name, forecast, to_scale(name, np.array(expected)), rows)
    reason = f"{' and '.join(absent)} cannot be told of these {rows} rows" if absent else ""
    return Estimate(estimator.answerer, rows, measures, reason, estimator.threshold)


def measure(name: str, forecast: Forecast, expected: np.ndarray, rows: int) -> Measured:
    """Return the estimate of a measure from the expectations (n_beliefs,) of ``rows`` rows."""
    centre = forecast.foresee(expected, rows)
    below, above = forecast.bound(rows)
    places = (centre, centre + min(0.0, below), centre + max(0.0, above))
    estimated, lower, upper = (from_scale(name, place) for place in places)
    if METRICS[name].of_decisions:  # shares of few rows move in steps: half of one makes the bounds continuous
        lower, upper = max(0.0, lower - 0.5 / rows), min(1.0, upper + 0.5 / rows)
    return Measured(estimated, lower, upper)


def is_share(name: str) -> bool:
    """Return whether a measure lies between 0 and 1."""
    return name not in LOSSES and name != "r2"


def to_scale(name: str, observed: np.ndarray) -> np.ndarray:
    """Return measures on the scale on which errors are compared, so that their size depends little on the level.

    Losses are compared as logarithms, shares by the arcsine of their root (which gives a proportion the same variance
    at any level), r2 as it is.
    """
    if name in LOSSES:
        return np.log(np.maximum(observed, FLOOR))
    return np.arcsin(np.sqrt(np.clip(observed, 0.0, 1.0))) if is_share(name) else observed


def from_scale(name: str, number: float) -> float:
    """Return a number on the scale of ``to_scale`` as a measure, within its bounds."""
    if name in LOSSES:
        return float(np.exp(number))
    return float(np.sin(np.clip(number, 0.0, np.pi / 2)) ** 2) if is_share(name) else float(min(1.0, number))


def _keep_classes(outputs: np.ndarray, classes: Sequence[str], known: Sequence[str]) -> np.ndarray:
    if not classes or tuple(classes) == tuple(known):
        return outputs
    return outputs[:, [list(classes).index(label) for label in known]]
