"""Data drift: how far each column lay from what models were trained on, in multiples of what chance makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.reporting.figures.batches import MOST_COLUMNS, ColumnShares
from pipeline.reporting.formats import format_change, format_number, format_share
from pipeline.reporting.history import History, list_rows

NOTABLE = 2.0
"""Multiples of the noise level from which a column counts as moved."""

MOST_MOVED = 10


@dataclass(frozen=True)
class Drift:
    """One column of one batch; ``multiple`` is the distance in multiples of its noise level."""

    batch: int
    column: str
    distance: float
    noise: float
    multiple: float


@dataclass(frozen=True)
class Moved:
    """A column of the newest batch that was measured, and in words how it moved."""

    column: str
    multiple: float
    distance: float
    how: str


@dataclass(frozen=True)
class DriftFigures:
    """Drift by batch and column; ``moved`` are the most moved columns of ``newest``, whether or not notable."""

    threshold: float
    cells: tuple[Drift, ...]
    newest: int | None
    moved: tuple[Moved, ...]
    notable: int
    strongest: tuple[ColumnShares, ...]
    columns_left_out: int


def compute_drift_figures(history: History) -> DriftFigures:
    """Return the drift of every batch and, in words, that of the newest."""
    drift = history.drift.assign(multiple=_compute_multiples(history.drift)).sort_values(["batch", "column"])
    newest = int(drift["batch"].max()) if len(drift) else None
    own = drift[drift["batch"] == newest].sort_values("multiple", ascending=False, kind="stable")
    table = drift.pivot(index="column", columns="batch", values="multiple")
    order = table.max(axis=1).sort_values(ascending=False, kind="stable").index
    return DriftFigures(
        threshold=NOTABLE,
        cells=tuple(
            Drift(int(row["batch"]), row["column"], float(row["distance"]), float(row["noise"]), row["multiple"])
            for row in list_rows(drift)
        ),
        newest=newest,
        moved=tuple(
            Moved(row["column"], row["multiple"], float(row["distance"]), describe_move(row["role"], row["detail"]))
            for row in list_rows(own.head(MOST_MOVED))
        ),
        notable=int((own["multiple"] >= NOTABLE).sum()),
        strongest=tuple(
            ColumnShares(str(column), {int(batch): float(cell) for batch, cell in table.loc[column].dropna().items()})
            for column in order[:MOST_COLUMNS]
        ),
        columns_left_out=max(0, len(order) - MOST_COLUMNS),
    )


def describe_move(role: str, detail: Mapping[str, Any]) -> str:
    r"""Return in words which way a column moved: what is most telling first.

    >>> lost = {"missing_before": 0.25, "missing_after": 1.0, "moved": "missing",
    ...     "moved_before": 0.25, "moved_after": 1.0}
    >>> describe_move("numeric", {**lost, "mean_before": 9.0, "mean_after": None, "new_levels": [], "new_share": 0.0})
    'missing 25.0\xa0% → 100\xa0%'
    """
    parts = []
    if abs(detail["missing_after"] - detail["missing_before"]) >= 0.01:
        parts.append(f"missing {format_share(detail['missing_before'])} → {format_share(detail['missing_after'])}")
    if detail["new_share"] >= 0.005:
        levels = ", ".join(level for level, _share in detail["new_levels"][:3])
        parts.append(f"{format_share(detail['new_share'])} of the rows have levels never seen before ({levels}, …)")
    before, after = detail["mean_before"], detail["mean_after"]
    if before is not None and after is not None:
        change = f" ({format_change(after / before - 1)})" if before else ""
        unit = "mean days after the row's time" if role == "date" else "mean"
        parts.append(f"{unit} {format_number(before)} → {format_number(after)}{change}")
    if detail["moved"] not in ("missing", "unseen levels"):
        shares = f"{format_share(detail['moved_before'])} → {format_share(detail['moved_after'])}"
        parts.append(f"share of '{detail['moved']}' {shares}")
    return "; ".join(parts)


def _compute_multiples(drift: pd.DataFrame) -> pd.Series:
    """A column without any spread has no noise: a distance there is beyond every multiple that is told apart."""
    noise = drift["noise"].clip(lower=1e-3)
    return (drift["distance"] / noise).astype(float)
