"""Batches: how many rows came, how many were kept, and what share of their cells passed the checks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pointsman.common.task import Task
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.quality.stored import quality_table
from pointsman.pipeline.reporting.charts.chart import Chart, to_columns
from pointsman.pipeline.reporting.charts.colours import AMBER, BLUE, GREEN, INK, PURPLE, VERMILLION
from pointsman.pipeline.reporting.charts.layers import (
    NUMBERS,
    SHARES,
    band,
    bars,
    colour_by,
    draw_by_batch,
    line,
    measure,
    tell,
)
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section

DIMENSIONS = ("completeness", "validity", "uniqueness", "consistency", "timeliness", "sufficiency", "leakage")
PASSED = {
    "sufficiency": "share of what is needed or usual that is there",
    "leakage": "share of the target that a column alone does not give away",
}
"""What the share of a dimension is of, where it is not of cells and rows."""


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


def compute_batches(history: History) -> tuple[BatchFigures, ...]:
    """Return every batch, oldest first."""
    applicable = history.read(quality_table).dropna(subset=["share"])
    shares = applicable.groupby(["batch", "dimension"])["share"].agg(["mean", "min"])
    figures = []
    for row in list_rows(history.read(batches).sort_values("number")):
        number = int(row["number"])
        own = shares.loc[number] if number in shares.index.get_level_values(0) else shares.iloc[:0]
        figures.append(
            read_record(
                BatchFigures,
                row,
                mean_shares={str(name): float(share) for name, share in own["mean"].items()},
                lowest_shares={str(name): float(share) for name, share in own["min"].items()},
                target_level=_read_target_level(row["metaparameters"] or {}),
            )
        )
    return tuple(figures)


def _read_target_level(metaparameters: Mapping[str, float | None]) -> float | None:
    return metaparameters.get("target_share", metaparameters.get("target_mean"))


def draw(history: History) -> Iterator[Chart]:
    """Yield the charts of rows, of the target and of what passed, where there are batches."""
    figures, timeline = history.ask(compute_batches), history.ask(lay_timeline)
    shown = [batch for batch in figures if batch.number in timeline]
    if shown:
        yield draw_rows(shown, timeline)
    if any(batch.target_level is not None for batch in shown):
        yield draw_target(shown, history.task, timeline)
    for name in DIMENSIONS:
        if any(name in batch.mean_shares for batch in shown):
            yield draw_dimension(name, shown, timeline)


def draw_rows(shown: Sequence[BatchFigures], timeline: Timeline) -> Chart:
    """Draw the rows of every batch by their fate."""
    rows = []
    for batch in shown:
        rejected = batch.rows if batch.status == "rejected" else 0
        # Rows at fault in a rejected batch are rejected with it and must not be counted twice.
        lost = 0 if rejected else batch.quarantined
        kept = batch.rows - lost - rejected
        bottom = 0
        for fate, count in (("learned", kept), ("quarantined", lost), ("rejected", rejected)):
            if count:
                rows.append((batch.number, fate, count, bottom, bottom + count))
            bottom += count
    columns = to_columns(("batch", "fate", "rows", "bottom", "top"), rows)
    colour = colour_by("fate", ["learned", "quarantined", "rejected"], [BLUE, AMBER, VERMILLION])
    told = tell("batch", "fate", ("rows", "rows", NUMBERS))
    return draw_by_batch(
        "rows",
        "Rows of every batch that were learned, quarantined or rejected",
        columns,
        [bars(measure("top", "rows", NUMBERS, zero=True), told, colour, until="bottom")],
        title="Rows a batch",
        note=timeline.note,
    )


def draw_target(shown: Sequence[BatchFigures], task: Task | None, timeline: Timeline) -> Chart:
    """Draw the level of the target in every batch."""
    regression = task is Task.REGRESSION
    title, form = ("Mean of the target", NUMBERS) if regression else ("Share of the positive class", SHARES)
    columns = to_columns(("batch", "level"), [(one.number, one.target_level) for one in shown])
    y = measure("level", title.lower(), form, zero=not regression)
    told = tell("batch", ("level", title.lower(), form))
    return draw_by_batch(
        "target", f"{title} by batch", columns, [line(y, told, PURPLE)], title=title, note=timeline.note, height=120
    )


def draw_dimension(name: str, shown: Sequence[BatchFigures], timeline: Timeline) -> Chart:
    """Draw the share that passes, by batch: the mean over checks and columns, and the lowest."""
    columns = to_columns(
        ("batch", "lowest", "mean"),
        [(one.number, one.lowest_shares.get(name), one.mean_shares.get(name)) for one in shown],
    )
    y = measure("mean", "", ".0%", domain=[0, 1.03], nice=False)
    told = tell("batch", ("mean", "mean of all", SHARES), ("lowest", "lowest column or check", SHARES))
    lowest = y | {"field": "lowest"}
    passed = PASSED.get(name, "share of cells and rows that pass")
    return draw_by_batch(
        f"dimension-{name}",
        f"{name.capitalize()}: {passed}, the mean of all and the lowest, by batch",
        columns,
        [band(lowest, "mean", GREEN), line(lowest, told, GREEN, strokeWidth=1), line(y, told, INK)],
        title=name.capitalize(),
        note=timeline.note,
        wide=False,
        height=110,
    )


SECTION = Section("batches", reads=(batches, quality_table), figures={"batches": compute_batches}, draw=draw)
