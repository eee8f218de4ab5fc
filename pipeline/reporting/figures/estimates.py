"""Performance without labels: what was estimated, what labels showed, and what is expected of requests still open."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from pointsman.pipeline.reporting.history import History, list_rows

CHOSEN, ALONE, REQUESTS = "what was chosen", "production and the champions", "requests"
STORED_CHOSEN = "plan"
"""Under which answerer estimates of what was chosen are stored."""
MOST_OPEN = 10


@dataclass(frozen=True)
class EstimateFigures:
    """An estimate of a batch by what was chosen for it, made before anyone learned it, and what its labels showed."""

    batch: int
    measure: str
    rows: int
    estimated: float
    lower: float
    upper: float
    realised: float
    covered: bool


@dataclass(frozen=True)
class EstimateGrade:
    """How good estimates were: ``error`` is their mean absolute error, ``level`` the mean of what was to be estimated.

    of: what was chosen on batches, each model that serves by itself on batches, or requests whose labels came
    """

    of: str
    measure: str
    estimates: int
    level: float
    error: float
    coverage: float


@dataclass(frozen=True)
class OpenEstimate:
    """A measure of a request whose labels have not come; without numbers where ``reason`` says why."""

    decision: str
    name: str
    answered_at: datetime
    rows: int
    measure: str | None
    estimated: float | None
    lower: float | None
    upper: float | None
    reason: str


@dataclass(frozen=True)
class UnlabelledFigures:
    """Every estimate of a batch by what was chosen, oldest first, grades, and the newest open requests."""

    batches: tuple[EstimateFigures, ...]
    grades: tuple[EstimateGrade, ...]
    open: tuple[OpenEstimate, ...]


def compute_estimates(history: History) -> UnlabelledFigures:
    """Return the estimates and their grades."""
    table = history.estimates.sort_values(["batch", "measure"])
    of_batch, of_chosen = table["request"] == "", table["answerer"] == STORED_CHOSEN
    groups = {CHOSEN: table[of_batch & of_chosen], ALONE: table[of_batch & ~of_chosen], REQUESTS: table[~of_batch]}
    return UnlabelledFigures(
        batches=tuple(_read(row) for row in list_rows(groups[CHOSEN])),
        grades=tuple(
            _grade(of, str(measure), known) for of, rows in groups.items() for measure, known in rows.groupby("measure")
        ),
        open=_list_open(history),
    )


def _read(row: Mapping[str, Any]) -> EstimateFigures:
    numbers = {name: float(row[name]) for name in ("estimated", "lower", "upper", "realised")}
    return EstimateFigures(int(row["batch"]), row["measure"], int(row["rows"]), **numbers, covered=bool(row["covered"]))


def _grade(of: str, measure: str, known: pd.DataFrame) -> EstimateGrade:
    error = float(np.abs(known["estimated"] - known["realised"]).mean())
    return EstimateGrade(
        of, measure, len(known), float(known["realised"].mean()), error, float(known["covered"].astype(float).mean())
    )


def _list_open(history: History) -> tuple[OpenEstimate, ...]:
    labelled = set(history.estimates["request"]) | set(history.regrets["decision"])
    waiting = history.decisions[~history.decisions["id"].isin(labelled)]
    newest = waiting.sort_values(["created_at", "id"], ascending=False).head(MOST_OPEN)
    found: list[OpenEstimate] = []
    for row in list_rows(newest):
        if not isinstance(row["estimate"], Mapping):  # answered by a version that estimated nothing
            continue
        known = (row["id"], row["request"], pd.Timestamp(row["created_at"]).to_pydatetime(), int(row["rows"]))
        measures = row["estimate"]["measures"]
        found += [
            OpenEstimate(*known, measure, one["estimated"], one["lower"], one["upper"], "")
            for measure, one in measures.items()
        ]
        if not measures:
            found.append(OpenEstimate(*known, None, None, None, None, row["estimate"]["reason"]))
    return tuple(found)
