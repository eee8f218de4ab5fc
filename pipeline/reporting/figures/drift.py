"""Drift: how far inputs lay from what was learned, which batches raised an alarm, what it cost and what was done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.pipeline.reporting.figures.batches import MOST_COLUMNS, ColumnShares
from pointsman.pipeline.reporting.formats import format_change, format_number, format_share
from pointsman.pipeline.reporting.history import History, list_rows

MOST_MOVED = 10


@dataclass(frozen=True)
class DriftFigure:
    """One column of one batch; ``multiple`` is the distance in multiples of its noise level."""

    batch: int
    column: str
    distance: float
    noise: float
    multiple: float


@dataclass(frozen=True)
class Moved:
    """A column of the newest batch that was measured, whether it raised an alarm, and in words how it moved."""

    column: str
    multiple: float
    distance: float
    alarm: bool
    how: str


@dataclass(frozen=True)
class AlarmLine:
    """What has drifted in a batch; alarms of one batch come in order of damage.

    chance: how probable it is in a stable batch
    damage: the mean row loss of the serving model that it explains; None where no model served
    """

    batch: int
    kind: str
    what: str
    aspects: str
    chance: float
    damage: float | None
    since: str


@dataclass(frozen=True)
class ResponseLine:
    """What an alarm set off, and what came of it."""

    batch: int
    kind: str
    action: str
    outcome: str


@dataclass(frozen=True)
class Suspicion:
    """How probable the most unusual test of a kind is in a stable batch, all tests of that kind together."""

    batch: int
    kind: str
    chance: float


@dataclass(frozen=True)
class DriftFigures:
    """Drift by batch and column; ``moved`` are the most moved columns of ``newest``.

    false_alarms: the share of stable batches that may raise an alarm of one kind
    suspicions:   batches that could be judged; earlier ones had too little past
    """

    false_alarms: float
    alarms: tuple[AlarmLine, ...]
    responses: tuple[ResponseLine, ...]
    suspicions: tuple[Suspicion, ...]
    cells: tuple[DriftFigure, ...]
    newest: int | None
    moved: tuple[Moved, ...]
    strongest: tuple[ColumnShares, ...]
    columns_left_out: int

    @property
    def newest_alarms(self) -> tuple[AlarmLine, ...]:
        """The alarms of the newest batch."""
        return tuple(alarm for alarm in self.alarms if alarm.batch == self.newest)


def compute_drift_figures(history: History) -> DriftFigures:
    """Return the drift of every batch and, in words, that of the newest."""
    drift = history.drift.assign(multiple=_compute_multiples(history.drift)).sort_values(["batch", "column"])
    newest = int(drift["batch"].max()) if len(drift) else None
    own = drift[drift["batch"] == newest].sort_values("multiple", ascending=False, kind="stable")
    table = drift.pivot(index="column", columns="batch", values="multiple")
    order = table.max(axis=1).sort_values(ascending=False, kind="stable").index
    alarms = _list_alarms(history.alarms)
    alarmed = {alarm.what for alarm in alarms if alarm.batch == newest and alarm.kind == "data"}
    return DriftFigures(
        false_alarms=history.false_alarms,
        alarms=alarms,
        responses=tuple(
            ResponseLine(int(row["batch"]), row["drift"], row["action"], row["outcome"])
            for row in list_rows(history.responses.sort_values(["batch", "position"], ascending=[False, True]))
        ),
        suspicions=_list_suspicions(history.drift_tests),
        cells=tuple(
            DriftFigure(int(row["batch"]), row["column"], float(row["distance"]), float(row["noise"]), row["multiple"])
            for row in list_rows(drift)
        ),
        newest=newest,
        moved=tuple(
            Moved(
                row["column"],
                row["multiple"],
                float(row["distance"]),
                row["column"] in alarmed,
                describe_move(row["role"], row["detail"]),
            )
            for row in list_rows(own.head(MOST_MOVED))
        ),
        strongest=tuple(
            ColumnShares(str(column), {int(batch): float(cell) for batch, cell in table.loc[column].dropna().items()})
            for column in order[:MOST_COLUMNS]
        ),
        columns_left_out=max(0, len(order) - MOST_COLUMNS),
    )


def _list_alarms(alarms: pd.DataFrame) -> tuple[AlarmLine, ...]:
    """Return all alarms, the newest batch first."""
    return tuple(
        AlarmLine(
            batch=int(row["batch"]),
            kind=row["drift"],
            what=row["column"] or ("all columns together" if row["drift"] == "data" else "inputs to target"),
            aspects=", ".join(row["aspects"]),
            chance=float(row["p_value"]),
            damage=None if pd.isna(row["damage"]) else float(row["damage"]),
            since=min(row["since"].values(), default=""),
        )
        for row in list_rows(alarms.sort_values(["batch", "rank"], ascending=[False, True]))
    )


def _list_suspicions(tests: pd.DataFrame) -> tuple[Suspicion, ...]:
    judged = tests.dropna(subset=["p_value"])
    grouped = judged.groupby(["batch", "drift"])["p_value"].agg(["min", "size"]).reset_index()
    return tuple(
        Suspicion(int(row["batch"]), row["drift"], 1 - (1 - float(row["min"])) ** int(row["size"]))
        for row in list_rows(grouped)
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
