"""Charts of batches and their quality."""

from matplotlib.ticker import PercentFormatter

from pointsman.pipeline.reporting.charts.heatmap import draw_heatmap
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
    sheet,
)
from pointsman.pipeline.reporting.charts.timeline import Timeline
from pointsman.pipeline.reporting.report import Report

DIMENSIONS = ("completeness", "validity", "uniqueness", "consistency", "timeliness", "sufficiency", "leakage")


def draw_rows(report: Report, timeline: Timeline) -> Chart:
    """Draw the rows of every batch by their fate, and below them the level of the target."""
    shown = [batch for batch in report.batches if batch.number in timeline.batches]
    with sheet(FULL, 3.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        places = range(len(shown))
        lost = [batch.quarantined for batch in shown]
        rejected = [batch.rows if batch.status == "rejected" else 0 for batch in shown]
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
        lower.set_title("Mean of the target" if report.task == "regression" else "Share of the positive class")
        if report.task != "regression":
            lower.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
            lower.set_ylim(bottom=0)
        else:
            label_numbers(lower.yaxis)
        timeline.decorate(lower, letters=False)
        figure.legend(loc="outside upper right", ncols=3)
        return export(figure, "rows", "Rows of every batch that were learned, quarantined or rejected", timeline.note)


def draw_dimensions(report: Report, timeline: Timeline) -> Chart:
    """Draw the share of cells or rows that pass, by dimension: the mean over checks and columns, and the lowest."""
    names = [name for name in DIMENSIONS if any(name in batch.mean_shares for batch in report.batches)]
    columns = min(3, max(1, len(names)))
    deep = -(-len(names) // columns)
    with sheet(FULL, 0.5 + 1.5 * deep) as figure:
        panels = figure.subplots(deep, columns, sharex=True, squeeze=False).ravel()
        for axes, name in zip(panels, names, strict=False):
            mean = timeline.spread({batch.number: batch.mean_shares.get(name) for batch in report.batches})
            lowest = timeline.spread({batch.number: batch.lowest_shares.get(name) for batch in report.batches})
            places = range(len(timeline))
            axes.fill_between(places, lowest, mean, color=GREEN, alpha=0.15, linewidth=0)
            axes.plot(
                places, lowest, color=GREEN, linewidth=0.9, marker=".", markersize=3, label="lowest column or check"
            )
            axes.plot(places, mean, color=INK, marker=".", markersize=3, label="mean over columns and checks")
            axes.set_title(name)
            axes.set_ylim(-0.03, 1.05)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            timeline.decorate(axes, letters=False, labels=axes in panels[-columns:])
            axes.set_xticks(axes.get_xticks()[:: max(1, len(axes.get_xticks()) // 4)])
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
        return export(figure, "dimensions", "Share of cells and rows that pass the checks, by quality dimension")


def draw_codes(report: Report, timeline: Timeline) -> Chart:
    """Draw how many columns or rules breached each check, check by batch; what was never breached is left out."""
    return draw_heatmap(
        "codes",
        "Breached checks by code and batch: columns or rules that did not pass",
        report.quality.codes,
        timeline,
        VERMILLION,
        0.0,
        5.0,
        "columns or rules",
        lambda count: f"{count:.0f}" if count else "",
        timeline.note,
    )


def draw_missing(report: Report, timeline: Timeline) -> Chart:
    """Draw the share of missing cells, column by batch."""
    quality = report.quality
    notes = [f"{quality.columns_never_missing} columns never miss a cell."] if quality.columns_never_missing else []
    if quality.columns_left_out:
        notes.append(f"{quality.columns_left_out} columns that miss fewer cells are left out.")
    return draw_heatmap(
        "missing",
        "Share of missing cells by column and batch",
        quality.missing,
        timeline,
        BLUE,
        0.0,
        1.0,
        "share of cells missing",
        lambda share: f"{100 * share:.0f}",
        " ".join([*notes, timeline.note]).strip(),
    )
