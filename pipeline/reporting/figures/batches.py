"""Batches and their quality: how many rows came, how many were kept, and which checks they broke."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from pipeline.reporting.history import History, list_rows

MOST_BREACHES = 40
MOST_REASONS = 30
MOST_COLUMNS = 25


@dataclass(frozen=True)
class BatchFigures:
    """One batch. ``mean_shares`` and ``lowest_shares`` are the shares that pass, by quality dimension.

    ``target_level`` is the share of the positive class or the mean of a numeric target, where there is one.
    """

    number: int
    origin: str
    rows: int
    columns: int
    start: datetime | None
    end: datetime | None
    status: str
    reason: str
    late_rows: int
    quarantined: int
    mean_shares: Mapping[str, float]
    lowest_shares: Mapping[str, float]
    target_level: float | None


@dataclass(frozen=True)
class Breach:
    """A check that did not pass."""

    batch: int
    code: str
    dimension: str
    column: str
    share: float | None
    threshold: float | None
    severity: str
    message: str


@dataclass(frozen=True)
class Quarantined:
    """Rows of a batch that one reason kept out of training."""

    batch: int
    reason: str
    status: str
    rows: int


@dataclass(frozen=True)
class ColumnShares:
    """A share by batch, of one column."""

    column: str
    shares: Mapping[int, float]


@dataclass(frozen=True)
class QualityFigures:
    """What was wrong with batches. Lists are the newest first and bounded; the counts beside them are not."""

    breaches: tuple[Breach, ...]
    breaches_in_all: int
    quarantined: tuple[Quarantined, ...]
    quarantined_rows: int
    missing: tuple[ColumnShares, ...]
    columns_never_missing: int
    columns_left_out: int


def compute_batches(history: History) -> tuple[BatchFigures, ...]:
    """Return every batch, oldest first."""
    applicable = history.quality.dropna(subset=["share"])
    shares = applicable.groupby(["batch", "dimension"])["share"].agg(["mean", "min"])
    figures = []
    for row in list_rows(history.batches.sort_values("number")):
        number = int(row["number"])
        own = shares.loc[number] if number in shares.index.get_level_values(0) else shares.iloc[:0]
        figures.append(
            BatchFigures(
                number=number,
                origin=row["origin"],
                rows=int(row["rows"]),
                columns=int(row["columns"]),
                start=_moment(row["start"]),
                end=_moment(row["end"]),
                status=row["status"],
                reason=row["reason"],
                late_rows=int(row["late_rows"]),
                quarantined=int(row["quarantined"]),
                mean_shares={str(name): float(share) for name, share in own["mean"].items()},
                lowest_shares={str(name): float(share) for name, share in own["min"].items()},
                target_level=_read_target_level(row["metaparameters"] or {}),
            )
        )
    return tuple(figures)


def compute_quality(history: History) -> QualityFigures:
    """Return the breaches, the quarantined rows and the missing cells."""
    breached = history.quality[~history.quality["passed"].astype(bool)]
    breached = breached.sort_values(["batch", "position"], ascending=[False, True])
    newest = history.quarantined.sort_values(["batch", "rows"], ascending=[False, False])
    columns, never, left_out = _list_missing(history.profiles)
    return QualityFigures(
        breaches=tuple(_read_breach(row) for row in list_rows(breached.head(MOST_BREACHES))),
        breaches_in_all=len(breached),
        quarantined=tuple(
            Quarantined(int(row["batch"]), row["reason"], row["status"], int(row["rows"]))
            for row in list_rows(newest.head(MOST_REASONS))
        ),
        quarantined_rows=int(newest["rows"].sum()),
        missing=columns,
        columns_never_missing=never,
        columns_left_out=left_out,
    )


def _list_missing(profiles: pd.DataFrame) -> tuple[tuple[ColumnShares, ...], int, int]:
    """Return the columns with the most missing cells in any batch, how many never miss one, how many are left out."""
    table = profiles.pivot(index="column", columns="batch", values="missing_share")
    worst = table.max(axis=1)
    incomplete = worst[worst > 0].sort_index().sort_values(ascending=False, kind="stable")
    shown = tuple(
        ColumnShares(str(column), {int(batch): float(share) for batch, share in table.loc[column].dropna().items()})
        for column in incomplete.index[:MOST_COLUMNS]
    )
    return shown, int((worst == 0).sum()), len(incomplete) - len(shown)


def _read_breach(row: dict) -> Breach:
    return Breach(
        batch=int(row["batch"]),
        code=row["code"],
        dimension=row["dimension"],
        column=row["column"],
        share=None if pd.isna(row["share"]) else float(row["share"]),
        threshold=None if pd.isna(row["threshold"]) else float(row["threshold"]),
        severity=str(row["severity"]),
        message=row["message"],
    )


def _read_target_level(metaparameters: Mapping[str, float | None]) -> float | None:
    return metaparameters.get("target_share", metaparameters.get("target_mean"))


def _moment(cell: datetime | None) -> datetime | None:
    return None if pd.isna(cell) else pd.Timestamp(cell).to_pydatetime()
