"""Batches and their quality: how many rows came, how many were kept, and which checks they broke."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from pointsman.pipeline.reporting.history import History, list_rows

MOST_BREACHES = 40
MOST_REASONS = 30
MOST_COLUMNS = 25
CODE_NAMES = {
    "DQ001": "missing cells",
    "DQ002": "column absent",
    "DQ003": "missing labels",
    "DQ004": "repeated rows",
    "DQ005": "repeated ids",
    "DQ006": "no numbers",
    "DQ007": "no dates",
    "DQ008": "out of range",
    "DQ009": "not allowed",
    "DQ010": "unknown labels",
    "DQ011": "another type",
    "DQ012": "wrong order",
    "DQ013": "unreadable times",
    "DQ014": "late rows",
    "DQ015": "quarantined rows",
    "DQ016": "too few rows",
    "DQ017": "one class",
    "DQ018": "constant",
    "DQ019": "pattern",
    "DQ020": "column empty",
    "DQ021": "infinite",
    "DQ022": "unseen levels",
    "DQ023": "outliers",
    "DQ024": "too many levels",
    "DQ025": "stored rows again",
    "DQ026": "hole in time",
    "DQ027": "old batch",
    "DQ028": "unusual volume",
    "DQ029": "tells the target",
    "DQ030": "gaps tell target",
    "DQ031": "after the label",
    "DQ032": "rule broken",
    "DQ033": "other notation",
    "DQ034": "two notations",
    "DQ035": "beyond reach",
}
"""Checks in two or three words, for charts."""


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
    """A check that one column did not pass in ``times`` batches; share and message are those of the last one."""

    first_batch: int
    last_batch: int
    times: int
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
    """What was wrong with batches. Lists are the newest first and bounded; ``breaches_in_all`` counts every breach.

    ``codes`` counts, by batch, in how many columns each check was breached.
    """

    breaches: tuple[Breach, ...]
    codes: tuple[ColumnShares, ...]
    breaches_left_out: int
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
    breaches = _list_breaches(breached)
    newest = history.quarantined.sort_values(["batch", "rows"], ascending=[False, False])
    columns, never, left_out = _list_missing(history.profiles)
    return QualityFigures(
        breaches=tuple(breaches[:MOST_BREACHES]),
        codes=_count_codes(history.quality),
        breaches_left_out=len(breaches[MOST_BREACHES:]),
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


def _count_codes(quality: pd.DataFrame) -> tuple[ColumnShares, ...]:
    """Return, for every check that was ever breached, in how many columns it was, by batch."""
    counted = (~quality["passed"].astype(bool)).groupby([quality["code"], quality["batch"]]).sum()
    by_code: dict[str, dict[int, float]] = {}
    for row in list_rows(counted.rename("breaches").reset_index()):
        by_code.setdefault(row["code"], {})[int(row["batch"])] = float(row["breaches"])
    return tuple(
        ColumnShares(f"{code} {CODE_NAMES.get(code, '')}".strip(), counts)
        for code, counts in by_code.items()
        if any(counts.values())
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


def _list_breaches(breached: pd.DataFrame) -> list[Breach]:
    """Return one breach a check and column, the newest first and within a batch in the order of the checks."""
    by_check: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in list_rows(breached.sort_values(["batch", "position"])):
        by_check.setdefault((row["code"], row["column"]), []).append(row)
    ordered = sorted(by_check.values(), key=lambda rows: (-rows[-1]["batch"], rows[-1]["position"]))
    return [
        Breach(
            first_batch=int(rows[0]["batch"]),
            last_batch=int(rows[-1]["batch"]),
            times=len({row["batch"] for row in rows}),
            code=rows[-1]["code"],
            dimension=rows[-1]["dimension"],
            column=rows[-1]["column"],
            share=None if pd.isna(rows[-1]["share"]) else float(rows[-1]["share"]),
            threshold=None if pd.isna(rows[-1]["threshold"]) else float(rows[-1]["threshold"]),
            severity=str(rows[-1]["severity"]),
            message=rows[-1]["message"],
        )
        for rows in ordered
    ]


def _read_target_level(metaparameters: Mapping[str, float | None]) -> float | None:
    return metaparameters.get("target_share", metaparameters.get("target_mean"))


def _moment(cell: datetime | None) -> datetime | None:
    return None if pd.isna(cell) else pd.Timestamp(cell).to_pydatetime()
