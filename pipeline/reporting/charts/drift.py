"""Charts of data drift."""

from pipeline.reporting.charts.heatmap import draw_heatmap, shorten
from pipeline.reporting.charts.svg import BLUE, FULL, INK, VERMILLION, Chart, export, sheet
from pipeline.reporting.charts.timeline import Timeline
from pipeline.reporting.report import Report

FULL_COLOUR = 8.0
"""Multiples of the noise level that get the full colour."""


def draw_drift(report: Report, timeline: Timeline) -> Chart:
    """Draw the distance from the training rows in multiples of the noise, column by batch."""
    left_out = report.drift.columns_left_out
    note = f"{left_out} columns that moved less are left out." if left_out else ""
    return draw_heatmap(
        "drift", "Distance from the rows the models were trained on, in multiples of the noise, by column and batch",
        report.drift.strongest, timeline, VERMILLION, 1.0, FULL_COLOUR, "multiples of the noise",
        lambda multiple: f"{multiple:.1f}" if multiple < 99.5 else "99+", f"{note} {timeline.note}".strip(),
    )  # fmt: skip


def draw_moved(report: Report) -> Chart:
    """Draw the columns of the newest batch that moved most."""
    moved = report.drift.moved[::-1]
    with sheet(FULL, 0.7 + 0.21 * len(moved)) as figure:
        axes = figure.subplots()
        colours = [VERMILLION if one.multiple >= report.drift.threshold else BLUE for one in moved]
        axes.barh([shorten(one.column) for one in moved], [one.multiple for one in moved], color=colours, height=0.65)
        axes.axvline(report.drift.threshold, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
        axes.set_xlabel(
            f"distance in multiples of the noise; beyond the dashed line ({report.drift.threshold:g}) a column moved"
        )
        axes.grid(visible=False, axis="y")
        return export(figure, "moved", f"Columns of batch {report.drift.newest} that moved most")
