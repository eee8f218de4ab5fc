"""Batches: how many rows came, how many were kept, and what share of their cells passed the checks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pointsman.common.task import Task
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.quality.stored import quality_table
from pointsman.pipeline.reporting.charts.svg import (
    AMBER,
    BLUE,
    FULL,
    GREEN,
    INK,
    PURPLE,
    VERMILLION,
    Chart,
    export,
    label_numbers,
    label_shares,
    sheet,
)
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section

DIMENSIONS = ("completeness", "validity", "uniqueness", "consistency", "timeliness", "sufficiency", "leakage")


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
    """Yield the charts of rows and of what passed, where there are batches."""
    figures, timeline = history.ask(compute_batches), history.ask(lay_timeline)
    if figures:
        yield draw_rows(figures, history.task, timeline)
    if any(batch.mean_shares for batch in figures):
        yield draw_dimensions(figures, timeline)


def draw_rows(figures: Sequence[BatchFigures], task: Task | None, timeline: Timeline) -> Chart:
    """Draw the rows of every batch by their fate, and below them the level of the target."""
    shown = [batch for batch in figures if batch.number in timeline.batches]
    with sheet(FULL, 3.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        places = range(len(shown))
        lost = [batch.quarantined for batch in shown]
        rejected = [batch.rows if batch.status == "rejected" else 0 for batch in shown]
        # Rows at fault in a rejected batch are rejected with it and must not be counted twice.
        lost = [0 if gone else held for held, gone in zip(lost, rejected, strict=True)]
        kept = [batch.rows - out - gone for batch, out, gone in zip(shown, lost, rejected, strict=True)]
        for heights, bottoms, colour, name in (
            (kept, [0] * len(shown), BLUE, "learned"),
            (lost, kept, AMBER, "quarantined"),
            (rejected, [0] * len(shown), VERMILLION, "rejected"),
        ):
            upper.bar(places, heights, bottom=bottoms, width=0.8, color=colour, label=name)
        upper.set_title("Rows a batch")
        upper.set_ylim(0, 1.1 * max(batch.rows for batch in shown))
        label_numbers(upper.yaxis)
        timeline.decorate(upper, labels=False)
        lower.plot(places, timeline.spread({b.number: b.target_level for b in shown}), color=PURPLE, marker=".")
        lower.set_title("Mean of the target" if task == "regression" else "Share of the positive class")
        if task != "regression":
            label_shares(lower.yaxis)
            lower.set_ylim(bottom=0)
        else:
            label_numbers(lower.yaxis)
        timeline.decorate(lower, letters=False)
        figure.legend(loc="outside upper right", ncols=3)
        return export(figure, "rows", "Rows of every batch that were learned, quarantined or rejected", timeline.note)


def draw_dimensions(figures: Sequence[BatchFigures], timeline: Timeline) -> Chart:
    """Draw the share of cells or rows that pass, by dimension: the mean over checks and columns, and the lowest."""
    names = [name for name in DIMENSIONS if any(name in batch.mean_shares for batch in figures)]
    columns = min(3, max(1, len(names)))
    deep = -(-len(names) // columns)
    with sheet(FULL, 0.5 + 1.5 * deep) as figure:
        panels = figure.subplots(deep, columns, sharex=True, squeeze=False).ravel()
        for axes, name in zip(panels, names, strict=False):
            mean = timeline.spread({batch.number: batch.mean_shares.get(name) for batch in figures})
            lowest = timeline.spread({batch.number: batch.lowest_shares.get(name) for batch in figures})
            places = timeline.places
            axes.fill_between(places, lowest, mean, color=GREEN, alpha=0.15, linewidth=0)
            axes.plot(
                places, lowest, color=GREEN, linewidth=0.9, marker=".", markersize=3, label="lowest column or check"
            )
            axes.plot(places, mean, color=INK, marker=".", markersize=3, label="mean over columns and checks")
            axes.set_title(name)
            axes.set_ylim(-0.03, 1.05)
            label_shares(axes.yaxis, 0)
            timeline.decorate(axes, letters=False, labels=axes in panels[-columns:])
            # Three charts share the width, which leaves each room for a few labels only.
            axes.set_xticks(axes.get_xticks()[:: max(1, len(axes.get_xticks()) // 4)])
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
        return export(figure, "dimensions", "Share of cells and rows that pass the checks, by quality dimension")


SECTION = Section("batches", reads=(batches, quality_table), figures={"batches": compute_batches}, draw=draw)
