"""How answers came out: confusion of classes or distances, calibration, and what other thresholds would have done.

On the newest batch, by what served it and had not learned it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.common.config import CostsConfig
from pointsman.common.task import Task
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.meta.store import load_records
from pointsman.pipeline.reporting.charts.chart import Chart, Layer
from pointsman.pipeline.reporting.charts.colours import BLUE, MUTED
from pointsman.pipeline.reporting.charts.layers import NUMBERS, tell
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.section import Section
from pointsman.registry.tables import versions_table
from pointsman.registry.versions import Version

MOST_CLASSES = 8
PARTS = 10
"""Parts of as many rows each that calibration is judged by."""
CUTS = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2).tolist())
Z = 1.96
"""Standard errors of an interval that covers 95 %."""


@dataclass(frozen=True)
class Confusion:
    """Rows of one class, by what they were answered."""

    truth: str
    rows: int
    answered: Mapping[str, int]


@dataclass(frozen=True)
class CalibrationPart:
    """Rows with about the same answer: its mean, and what came of them with an interval of 95 %."""

    rows: int
    expected: float
    observed: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Cut:
    """What a threshold would have done: shares of rows flagged, of those right, of positives found, and costs a row."""

    threshold: float
    flagged: float
    precision: float | None
    recall: float | None
    cost: float


@dataclass(frozen=True)
class OutcomeFigures:
    """How the answers of a model to a batch came out; ``threshold`` is the one of then, None where none is used.

    distances: of numbers, the share of rows by how far the answer was from the truth at most
    """

    version: str
    line: str
    batch: int
    rows: int
    threshold: float | None
    confusion: tuple[Confusion, ...]
    calibration: tuple[CalibrationPart, ...]
    cuts: tuple[Cut, ...]
    distances: Mapping[str, float]


def read_newest_record(history: History) -> OutOfSamplePredictions | None:
    """Return what models predicted for the newest batch that has a record; None where none has."""
    schema = history.generation.schema
    records = load_records(history.state, schema, most=1) if schema else []
    return records[-1].without_live() if records else None


def compute_outcomes(history: History) -> OutcomeFigures | None:
    """Return how the answers of what serves now came out; None where it has no record yet."""
    record, version = history.ask(read_newest_record), history.generation.production
    if record is None or version is None or version.line not in record.predicted:
        return None
    clean = record.rows.clean
    target, outputs = record.rows.target[clean], record.predicted[version.line][clean].astype(float)
    task, classes = record.rows.task, record.rows.classes
    binary = task is Task.BINARY and outputs.shape[1] == 2
    threshold = find_threshold(history, version, record.rows.batch) if binary else None
    told = outputs[:, 1] if binary else outputs[:, 0]
    costs = history.config.training.costs
    return OutcomeFigures(
        version=version.id,
        line=version.line,
        batch=record.rows.batch,
        rows=len(target),
        threshold=threshold,
        confusion=confuse(target, outputs, classes, threshold) if task.is_classification else (),
        calibration=calibrate(target, told) if binary or not task.is_classification else (),
        cuts=tuple(cut_at(target, told, cut, costs) for cut in CUTS) if binary else (),
        distances={} if task.is_classification else measure_distances(target, told),
    )


def find_threshold(history: History, version: Version, batch: int) -> float:
    """Return the threshold with which a model answered a batch: its parent's, where the version learned that batch."""
    if version.parent is None or version.last_batch < batch:
        return float(version.threshold)
    known = history.read(versions_table).set_index("id")["threshold"]
    return float(known.get(version.parent, version.threshold))


def confuse(
    target: np.ndarray, outputs: np.ndarray, classes: Sequence[str], threshold: float | None
) -> tuple[Confusion, ...]:
    """Return the confusion of class codes (n_rows,) and probabilities (n_rows, n_classes), frequent classes first.

    >>> found = confuse(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]), ("no", "yes"), 0.7)
    >>> [(one.truth, dict(one.answered)) for one in found]
    [('no', {'no': 2, 'yes': 0}), ('yes', {'no': 0, 'yes': 1})]
    """
    answered = outputs.argmax(axis=1) if threshold is None else (outputs[:, 1] >= threshold).astype(int)
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (target.astype(int), answered), 1)
    shown = np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CLASSES].tolist()
    return tuple(
        Confusion(classes[one], int(counts[one].sum()), {classes[other]: int(counts[one, other]) for other in shown})
        for one in shown
    )


def calibrate(target: np.ndarray, told: np.ndarray) -> tuple[CalibrationPart, ...]:
    """Return answers (n_rows,) in parts of as many rows, the lowest first, beside the mean truth (n_rows,) of each.

    >>> [(one.rows, one.observed) for one in calibrate(np.array([0.0, 1.0] * 10), np.arange(20.0))][:2]
    [(2, 0.5), (2, 0.5)]
    """
    order = np.argsort(told, kind="stable")
    parts = []
    for rows in np.array_split(order, min(PARTS, len(order))):
        truth = target[rows].astype(float)
        error = Z * float(truth.std(ddof=1)) / np.sqrt(len(rows)) if len(rows) > 1 else 0.0
        centre = float(truth.mean())
        parts.append(CalibrationPart(len(rows), float(told[rows].mean()), centre, centre - error, centre + error))
    return tuple(parts)


def cut_at(target: np.ndarray, told: np.ndarray, threshold: float, costs: CostsConfig) -> Cut:
    """Return what a threshold makes of probabilities (n_rows,) of the class 1.

    >>> cut_at(np.array([0, 1, 1]), np.array([0.6, 0.7, 0.1]), 0.5, CostsConfig(false_negative=3.0)).precision
    0.5
    """
    flagged, positive = told >= threshold, target == 1
    right = int((flagged & positive).sum())
    wrong, missed = int(flagged.sum()) - right, int(positive.sum()) - right
    return Cut(
        threshold=threshold,
        flagged=float(flagged.mean()),
        precision=right / int(flagged.sum()) if flagged.any() else None,
        recall=right / int(positive.sum()) if positive.any() else None,
        cost=(wrong * costs.false_positive + missed * costs.false_negative) / len(target),
    )


def measure_distances(target: np.ndarray, told: np.ndarray) -> dict[str, float]:
    """Return how far answers were from the truth: by share of rows, the distance that so many stay within.

    >>> measure_distances(np.array([0.0, 0.0, 0.0]), np.array([1.0, -2.0, 3.0]))["50 %"]
    2.0
    """
    away = np.abs(target - told)
    return {f"{share} %": float(np.quantile(away, share / 100)) for share in (25, 50, 75, 90, 99)}


def draw(history: History) -> Iterator[Chart]:
    """Yield the calibration of the answers, where there is one."""
    figures = history.ask(compute_outcomes)
    if figures is None or not figures.calibration:
        return
    names = ("expected", "observed", "lower", "upper", "rows")
    columns = {name: [getattr(part, name) for part in figures.calibration] for name in names}
    x = {
        "field": "expected",
        "type": "quantitative",
        "axis": {"title": "answered, mean of the part", "format": NUMBERS},
    }
    y = {"field": "observed", "type": "quantitative", "axis": {"title": "came out, mean", "format": NUMBERS}}
    told = tell(*((name, name, NUMBERS) for name in names))
    even = {"x": x, "y": y | {"field": "expected"}}
    layers: list[Layer] = [
        {"mark": {"type": "line", "color": MUTED, "strokeDash": [3, 2]}, "encoding": even},
        {
            "mark": {"type": "rule", "color": BLUE},
            "encoding": {"x": x, "y": y | {"field": "lower"}, "y2": {"field": "upper"}},
        },
        {
            "mark": {"type": "point", "filled": True, "color": BLUE, "size": 50},
            "encoding": {"x": x, "y": y, "tooltip": told},
        },
    ]
    yield Chart(
        "calibration",
        {"width": "container", "height": 240, "layer": layers},
        columns,
        f"What {figures.version} answered to rows of batch {figures.batch}, and what came of them",
        titles={name: name for name in names},
    )


SECTION = Section("outcomes", reads=(read_newest_record,), figures={"outcomes": compute_outcomes}, draw=draw)
