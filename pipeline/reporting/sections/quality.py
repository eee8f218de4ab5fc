"""Quality: which checks batches broke, which rows were kept out of training, and where cells are missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pointsman.pipeline.quality.stored import profiles_table, quality_table
from pointsman.pipeline.quality.tables import quarantined_rows
from pointsman.pipeline.reporting.charts.chart import Chart
from pointsman.pipeline.reporting.charts.colours import BLUE, VERMILLION
from pointsman.pipeline.reporting.charts.heatmap import MOST_COLUMNS, ColumnShares, Scale, draw_heatmap
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section

MOST_BREACHES = 40
MOST_REASONS = 30
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

BREACHES = Scale("columns or rules", VERMILLION, 0.0, 5.0, "d")
MISSING = Scale("share of cells missing", BLUE, 0.0, 1.0, ".0%")


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


def count_quarantined(history: History) -> pd.DataFrame:
    """Return how many rows each reason holds in quarantine, by batch and status."""
    table = quarantined_rows()
    keys = [table.c[name] for name in ("batch", "reason", "status")]
    return history.select(sa.select(*keys, sa.func.count().label("rows")).group_by(*keys))


def compute_quality(history: History) -> QualityFigures:
    """Return the breaches, the quarantined rows and the missing cells."""
    quality = history.read(quality_table)
    breached = quality[~quality["passed"].astype(bool)]
    breaches = _list_breaches(breached)
    newest = history.ask(count_quarantined).sort_values(["batch", "rows"], ascending=[False, False])
    columns, never, left_out = _list_missing(history.read(profiles_table))
    return QualityFigures(
        breaches=tuple(breaches[:MOST_BREACHES]),
        codes=_count_codes(quality),
        breaches_left_out=len(breaches[MOST_BREACHES:]),
        breaches_in_all=len(breached),
        quarantined=tuple(read_record(Quarantined, row) for row in list_rows(newest.head(MOST_REASONS))),
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
        read_record(
            Breach,
            rows[-1],
            first_batch=int(rows[0]["batch"]),
            last_batch=int(rows[-1]["batch"]),
            times=len({row["batch"] for row in rows}),
        )
        for rows in ordered
    ]


def draw(history: History) -> Iterator[Chart]:
    """Yield the charts of what was breached and of what was missing."""
    quality, timeline = history.ask(compute_quality), history.ask(lay_timeline)
    if quality.codes:
        label = "Breached checks by code and batch: columns or rules that did not pass"
        yield draw_heatmap("codes", label, quality.codes, timeline, BREACHES, timeline.note)
    if quality.missing:
        yield draw_missing(quality, timeline)


def draw_missing(quality: QualityFigures, timeline: Timeline) -> Chart:
    """Draw the share of missing cells, column by batch."""
    notes = [f"{quality.columns_never_missing} columns never miss a cell."] if quality.columns_never_missing else []
    if quality.columns_left_out:
        notes.append(f"{quality.columns_left_out} columns that miss fewer cells are left out.")
    note = " ".join([*notes, timeline.note]).strip()
    label = "Share of missing cells by column and batch"
    return draw_heatmap("missing", label, quality.missing, timeline, MISSING, note)


SECTION = Section(
    "quality", reads=(quality_table, profiles_table, count_quarantined), figures={"quality": compute_quality}, draw=draw
)
