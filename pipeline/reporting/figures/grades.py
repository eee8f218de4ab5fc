"""Grades of the selector: what its plans were worth on batches that nobody had learned, between their bars."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.reporting.history import History, list_rows

NUMBERS = (
    "selected", "champion", "single", "last_best", "uniform", "single_best", "oracle", "difference", "error", "alarms",
)  # fmt: skip


@dataclass(frozen=True)
class GradeFigures:
    """Mean losses over the requests of a group, 'clean' or 'damaged', of one batch.

    ``gain`` is by which share the plan beat the champions; ``error`` is the standard error of ``difference``, the mean
    row loss of the plan less that of the champions. ``calibration`` is the expected calibration error of each.
    """

    batch: int
    group: str
    requests: int
    selected: float
    champion: float
    single: float
    last_best: float
    uniform: float
    single_best: float
    oracle: float
    difference: float
    error: float
    alarms: float
    gain: float | None
    calibration: Mapping[str, float]


def list_grades(history: History) -> tuple[GradeFigures, ...]:
    """Return the selector's grades, oldest batch first."""
    rows = list_rows(history.grades.sort_values(["batch", "group"]))
    return tuple(
        GradeFigures(
            batch=int(row["batch"]),
            group=str(row["group"]),
            requests=int(row["requests"]),
            **{name: float(row[name]) for name in NUMBERS},
            gain=1 - row["selected"] / row["champion"] if row["champion"] else None,
            calibration=dict(row["calibration"]),
        )
        for row in rows
    )
