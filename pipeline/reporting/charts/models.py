"""Charts of model metrics over time."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import PercentFormatter

from pointsman.pipeline.reporting.charts.svg import (
    FULL,
    GREEN,
    GREY,
    INK,
    MUTED,
    SERIES,
    VERMILLION,
    Chart,
    export,
    label_numbers,
    sheet,
)
from pointsman.pipeline.reporting.charts.timeline import Timeline
from pointsman.pipeline.reporting.figures.scores import name_metric
from pointsman.pipeline.reporting.history import FALLBACK_FAMILY
from pointsman.pipeline.reporting.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES = 6
BOUNDED = ("roc_auc", "average_precision", "f1", "precision", "recall", "accuracy", "macro_f1", "r2")
"""Metrics that are at best 1, so that they share a chart."""


def draw_metric(report: Report, timeline: Timeline, metric: str) -> Chart:
    """Draw a prequential metric of what served typical requests, of the champion, of every line, and of the prior."""
    by_line: dict[str, dict[int, float]] = {}
    families: dict[str, str] = {}
    for score in report.scores:
        if score.kind == "prequential" and metric in score.metrics:
            by_line.setdefault(score.line, {})[score.batch] = score.metrics[metric]
            families[score.line] = score.family
    champion, served = (
        {one.batch: one.metrics.get(metric) for one in scores}
        for scores in (report.champion_scores, report.production_scores)
    )
    named = _choose_lines(report, by_line, families)
    with sheet(FULL, 3.1) as figure:
        axes = figure.subplots()
        places = range(len(timeline))
        others = [line for line in by_line if line not in named and families[line] != FALLBACK_FAMILY]
        for number, line in enumerate(others):
            label = "other lines" if number == 0 else None
            axes.plot(places, timeline.spread(by_line[line]), color=GREY, linewidth=0.6, alpha=0.6, label=label)
        for line, colour in zip(named, SERIES, strict=False):
            axes.plot(
                places,
                timeline.spread(by_line[line]),
                color=colour,
                linewidth=1.0,
                marker=".",
                markersize=3,
                label=line,
            )
        prior = [line for line in by_line if families[line] == FALLBACK_FAMILY]
        for number, line in enumerate(prior):
            axes.plot(
                places,
                timeline.spread(by_line[line]),
                color=MUTED,
                linestyle=(0, (4, 2)),
                linewidth=1.3,
                label="prior" if number == 0 else None,
            )
        axes.plot(
            places,
            timeline.spread(champion),
            color=INK,
            linestyle=(0, (1, 1.5)),
            linewidth=1.5,
            label="champion of then",
        )
        axes.plot(
            places, timeline.spread(served), color=INK, linewidth=2.4, marker="o", markersize=3.5, label="production"
        )
        _limit(axes, np.array([cell for line in by_line.values() for cell in line.values()]))
        better = _better(metric)
        label_numbers(axes.yaxis)
        axes.set_title(f"{name_metric(metric)} on batches not learned yet ({better} is better)")
        timeline.decorate(axes)
        figure.legend(loc="outside upper left", ncols=5)
        whose = "of what served typical requests, of the champion, of every line and of the prior"
        label = f"{name_metric(metric)} over batches {whose}"
        return export(figure, f"metric-{metric.replace('_', '-')}", label, timeline.note)


def draw_gain(report: Report, timeline: Timeline) -> Chart:
    """Draw by which share what served typical requests beat the prior on every batch."""
    gains = timeline.spread({score.batch: score.gain for score in report.production_scores})
    with sheet(FULL, 1.9) as figure:
        axes = figure.subplots()
        colours = [GREEN if gain >= 0 else VERMILLION for gain in np.nan_to_num(gains)]
        axes.bar(range(len(timeline)), gains, color=colours, width=0.75)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
        axes.set_title(f"Production against the prior: share by which {name_metric(report.metric or '')} was better")
        timeline.decorate(axes)
        return export(
            figure, "gain", "Relative improvement of what served typical requests on the prior, by batch", timeline.note
        )


def draw_other_metrics(report: Report, timeline: Timeline) -> Iterator[Chart]:
    """Draw the bounded metrics of what served typical requests, where the task has any."""
    found = [name for name in BOUNDED if any(name in score.metrics for score in report.production_scores)]
    if not found:
        return
    with sheet(FULL, 2.6) as figure:
        axes = figure.subplots()
        for name, colour in zip(found, SERIES, strict=False):
            observed = {score.batch: score.metrics.get(name) for score in report.production_scores}
            axes.plot(
                range(len(timeline)),
                timeline.spread(observed),
                color=colour,
                marker=".",
                markersize=4,
                label=name_metric(name),
            )
        axes.set_title("Production on other metrics (higher is better)")
        axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.02)
        timeline.decorate(axes)
        figure.legend(loc="outside upper left", ncols=6)
        names = ", ".join(name_metric(name) for name in found)
        yield export(figure, "other-metrics", f"{names} of what served typical requests, by batch", timeline.note)


def _choose_lines(report: Report, by_line: dict[str, dict[int, float]], families: dict[str, str]) -> list[str]:
    """Return the lines worth a colour: what serves, those active now, then those that reigned longest."""
    serving = [report.production.line] if report.production else []
    active = [*serving, *(version.line for version in report.versions)]
    reigns = Counter(generation.champion_line for generation in report.generations)
    ranked = [*active, *(line for line, _count in reigns.most_common() if line)]
    known = [line for line in dict.fromkeys(ranked) if line in by_line and families[line] != FALLBACK_FAMILY]
    return known[:MOST_LINES]


def _better(metric: str) -> str:
    return "higher" if metric in BOUNDED else "lower"


def _limit(axes: "Axes", observed: np.ndarray) -> None:
    """Keep one absurd score from flattening all others: the axis ends at three interquartile ranges."""
    if len(observed) < 8:
        return
    low, high = np.quantile(observed, [0.25, 0.75])
    reach = 3 * (high - low)
    if reach > 0:
        axes.set_ylim(max(observed.min(), low - reach) - 0.05 * reach, min(observed.max(), high + reach) + 0.05 * reach)
