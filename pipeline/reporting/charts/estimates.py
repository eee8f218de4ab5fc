"""The chart of performance without labels."""

from pointsman.pipeline.reporting.charts.svg import BLUE, FULL, INK, VERMILLION, Chart, export, label_numbers, sheet
from pointsman.pipeline.reporting.charts.timeline import Timeline
from pointsman.pipeline.reporting.figures.scores import name_metric
from pointsman.pipeline.reporting.report import Report


def draw_estimates(report: Report, timeline: Timeline) -> Chart:
    """Draw the estimated worth of what was chosen on each batch, its interval, and what labels showed."""
    measures = list(dict.fromkeys(one.measure for one in report.estimates.batches))
    with sheet(FULL, 0.6 + 2.0 * len(measures)) as figure:
        rows = figure.subplots(len(measures), squeeze=False)[:, 0]
        places = range(len(timeline))
        for axes, measure in zip(rows, measures, strict=True):
            known = [one for one in report.estimates.batches if one.measure == measure]
            lower, upper, estimated, realised = (
                timeline.spread({one.batch: getattr(one, name) for one in known})
                for name in ("lower", "upper", "estimated", "realised")
            )
            axes.fill_between(places, lower, upper, color=BLUE, alpha=0.18, linewidth=0, label="nine times of ten")
            axes.vlines(places, lower, upper, color=BLUE, alpha=0.35, linewidth=1)
            axes.plot(places, estimated, color=BLUE, marker=".", label="estimated without labels")
            axes.plot(places, realised, color=INK, marker="o", markersize=3.5, linewidth=0.9, label="labels showed")
            missed = timeline.spread({one.batch: one.realised for one in known if not one.covered})
            axes.plot(places, missed, "o", color=VERMILLION, markersize=6, label="outside")
            axes.set_title(f"{name_metric(measure)} of what was chosen")
            label_numbers(axes.yaxis)
            timeline.decorate(axes)
        handles, labels = rows[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4)
        label = "Estimated worth of what was chosen on every batch, with the interval, beside what labels showed"
        return export(figure, "estimates", label, timeline.note)
