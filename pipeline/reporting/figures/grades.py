"""Grades of the selector: what its choices were worth on batches that nobody had learned, between their bars."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.reporting.history import History, list_rows

NUMBERS = (
    "selected", "champion", "single", "last_best", "uniform", "single_best", "oracle", "difference", "error", "alarms",
)  # fmt: skip


@dataclass(frozen=True)
class GradeFigures:
    """Mean losses over the requests of a group, 'clean' or 'damaged', of one batch.

    Except for ``single`` and ``gain_single``, which are of mode single, what was chosen is what mode all chose.

    ``gain`` is by which share what was chosen beat the champions; ``error`` is the standard error of ``difference``,
    the mean row loss of what was chosen less that of the champions. ``calibration`` is the expected calibration error
    of each. ``best`` is of the best single model or ensemble in hindsight, None in grades of earlier releases;
    ``chosen`` counts the requests for which a line was chosen, the most frequent first.
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
    gain_single: float | None
    calibration: Mapping[str, float]
    best: float | None
    chosen: Mapping[str, int]


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
            gain_single=1 - row["single"] / row["champion"] if row["champion"] else None,
            calibration=dict(row["calibration"]),
            best=None if pd.isna(row["best"]) else float(row["best"]),
            chosen=dict(sorted((row["chosen"] or {}).items(), key=lambda one: (-one[1], one[0]))),
        )
        for row in rows
    )
