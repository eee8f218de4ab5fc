"""Charts of the search."""

from pointsman.pipeline.reporting.charts.svg import FULL, SERIES, Chart, export, label_numbers, sheet
from pointsman.pipeline.reporting.charts.timeline import Timeline
from pointsman.pipeline.reporting.report import Report


def draw_best_losses(report: Report, timeline: Timeline) -> Chart:
    """Draw the best loss that each family reached in every search."""
    families = sorted({family.family for family in report.search.families})
    with sheet(FULL, 2.6) as figure:
        axes = figure.subplots()
        for family, colour in zip(families, SERIES, strict=False):
            best = {one.batch: one.best for one in report.search.families if one.family == family}
            axes.plot(range(len(timeline)), timeline.spread(best), color=colour, marker="o", markersize=3, label=family)
        label_numbers(axes.yaxis)
        axes.set_title("Best loss of each family in the search's folds (lower is better)")
        timeline.decorate(axes)
        figure.legend(loc="outside upper left", ncols=8)
        return export(figure, "best-losses", "Best loss that each model family reached in every search", timeline.note)
