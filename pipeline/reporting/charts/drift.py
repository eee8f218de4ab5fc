"""Charts of data drift."""

from pointsman.pipeline.reporting.charts.heatmap import draw_heatmap, shorten
from pointsman.pipeline.reporting.charts.svg import BLUE, FULL, INK, VERMILLION, Chart, export, sheet
from pointsman.pipeline.reporting.charts.timeline import Timeline
from pointsman.pipeline.reporting.report import Report

LEAST_CHANCE = 1e-12
"""Less is drawn as this."""

FULL_COLOUR = 8.0
"""Multiples of the noise level that get the full colour."""


def draw_drift(report: Report, timeline: Timeline) -> Chart:
    """Draw the distance from the training rows in multiples of the noise, column by batch."""
    left_out = report.drift.columns_left_out
    note = f"{left_out} columns that moved less are left out." if left_out else ""
    return draw_heatmap(
        "drift",
        "Distance from the rows the models were trained on, in multiples of the noise, by column and batch",
        report.drift.strongest,
        timeline,
        VERMILLION,
        1.0,
        FULL_COLOUR,
        "multiples of the noise",
        lambda multiple: f"{multiple:.1f}" if multiple < 99.5 else "99+",
        f"{note} {timeline.note}".strip(),
    )


def draw_suspicions(report: Report, timeline: Timeline) -> Chart:
    """Draw how unusual each batch was, by kind of drift, with the line that makes an alarm."""
    figures = report.drift
    with sheet(FULL, 2.4) as figure:
        axes = figure.subplots()
        for kind, colour, marker in (("data", BLUE, "o"), ("concept", VERMILLION, "s")):
            chances = {one.batch: max(one.chance, LEAST_CHANCE) for one in figures.suspicions if one.kind == kind}
            axes.plot(
                range(len(timeline)),
                timeline.spread(chances),
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=1.2,
                label=f"{kind} drift",
            )
        axes.axhline(figures.false_alarms, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
        axes.set_yscale("log")
        axes.set_ylim(LEAST_CHANCE / 3, 3)
        axes.set_yticks([1, 1e-3, 1e-6, 1e-9, 1e-12], ["1", "1e-3", "1e-6", "1e-9", "1e-12"])
        axes.minorticks_off()
        axes.invert_yaxis()
        axes.set_ylabel("chance in a stable batch")
        timeline.decorate(axes)
        axes.legend(loc="upper left", ncols=2)
        note = f"Beyond the dashed line ({figures.false_alarms:g}) a batch raises an alarm. {timeline.note}".strip()
        return export(figure, "suspicions", "How unusual each batch was, all tests of one kind together", note)


def draw_moved(report: Report) -> Chart:
    """Draw the columns of the newest batch that moved most."""
    moved = report.drift.moved[::-1]
    with sheet(FULL, 0.7 + 0.21 * len(moved)) as figure:
        axes = figure.subplots()
        colours = [VERMILLION if one.alarm else BLUE for one in moved]
        axes.barh([shorten(one.column) for one in moved], [one.multiple for one in moved], color=colours, height=0.65)
        axes.set_xlabel("distance in multiples of the noise; columns in red raised an alarm")
        axes.grid(visible=False, axis="y")
        return export(figure, "moved", f"Columns of batch {report.drift.newest} that moved most")
