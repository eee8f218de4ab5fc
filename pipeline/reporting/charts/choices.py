"""Charts of choices over time."""

from collections import Counter

from common.text import count
from pipeline.reporting.charts.heatmap import shorten
from pipeline.reporting.charts.svg import (
    FULL,
    GREEN,
    GREY,
    INK,
    SKY,
    VERMILLION,
    Chart,
    export,
    sheet,
)
from pipeline.reporting.charts.timeline import Timeline
from pipeline.reporting.figures.choices import ComparisonFigures
from pipeline.reporting.report import Report

MOST_LINES = 14
MOST_COMPARISONS = 16
OUTCOMES = {"better": GREEN, "worse": VERMILLION, "undecided": GREY}


def draw_reigns(report: Report, timeline: Timeline) -> Chart:
    """Draw which lines were active after each batch, which was champion, and which served typical requests."""
    after = {generation.batch: generation for generation in report.generations if generation.batch is not None}
    active = Counter(line for generation in after.values() for line in generation.lines)
    reigned = Counter(
        line for one in after.values() for line in {one.champion_line, one.production_line} if line is not None
    )
    live = set(report.generation.lines)
    ranked = sorted(
        active, key=lambda line: (-(reigned[line] > 0), line not in live, -reigned[line], -active[line], line)
    )
    lines = ranked[:MOST_LINES][::-1]
    with sheet(FULL, 0.8 + 0.2 * len(lines)) as figure:
        axes = figure.subplots()
        for row, line in enumerate(lines):
            present = timeline.join_places(batch for batch, one in after.items() if line in one.lines)
            crowned = timeline.join_places(batch for batch, one in after.items() if one.champion_line == line)
            axes.broken_barh(present, (row - 0.17, 0.34), facecolors=SKY, alpha=0.55, linewidth=0)
            served = timeline.join_places(batch for batch, one in after.items() if one.production_line == line)
            axes.broken_barh(crowned, (row - 0.36, 0.72), facecolors=INK, linewidth=0)
            axes.broken_barh(served, (row - 0.22, 0.44), facecolors=VERMILLION, linewidth=0)
        axes.set_yticks(range(len(lines)), [shorten(line) for line in lines])
        axes.set_ylim(-0.7, len(lines) - 0.3)
        axes.grid(visible=False)
        timeline.decorate(axes)
        axes.barh(0, 0, color=VERMILLION, label="production")
        axes.barh(0, 0, color=INK, label="champion")
        axes.barh(0, 0, color=SKY, alpha=0.55, label="active")
        figure.legend(loc="outside upper right", ncols=3)
        left_out = len(ranked) - len(lines)
        left = count(left_out, "line that neither reigned nor served is", "lines that neither reigned nor served are")
        note = f"{left} left out." if left_out else ""
        label = "Active lines after every batch, the champion among them, and what served typical requests"
        return export(figure, "reigns", label, f"{note} {timeline.note}".strip())


def choose_comparisons(report: Report) -> list[ComparisonFigures]:
    """Return the comparisons of the newest update that made any."""
    if not report.comparisons:
        return []
    newest = max(comparison.batch for comparison in report.comparisons)
    return [comparison for comparison in report.comparisons if comparison.batch == newest]


def draw_comparisons(report: Report) -> Chart:
    """Draw the newest update's comparisons, each with its interval."""
    every = choose_comparisons(report)
    shown = every[-MOST_COMPARISONS:][::-1]
    with sheet(FULL, 0.9 + 0.22 * len(shown)) as figure:
        axes = figure.subplots()
        bounded = [end for one in shown for end in (one.lower, one.upper, one.difference) if end is not None]
        reach = 1.05 * max(map(abs, bounded), default=1.0) or 1.0  # all may be alike to the last digit
        for row, one in enumerate(shown):
            colour = OUTCOMES.get(one.outcome, GREY)
            ends = (-reach if one.lower is None else one.lower, reach if one.upper is None else one.upper)
            axes.plot(ends, (row, row), color=colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot(one.difference, row, "o", color=colour, markersize=5)
        axes.axvline(0, color=INK, linewidth=0.9)
        axes.set_yticks(range(len(shown)), [shorten(f"{one.contender} – {one.incumbent}", 58) for one in shown])
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-0.7, len(shown) - 0.3)
        axes.set_xlabel("mean row loss of the contender less that of the incumbent: left of 0 the contender is better")
        axes.grid(visible=False, axis="y")
        for outcome, colour in OUTCOMES.items():
            axes.plot([], [], color=colour, linewidth=2.2, label=outcome)
        figure.legend(loc="outside upper right", ncols=3)
        note = f"The last {len(shown)} of {len(every)} comparisons." if len(every) > len(shown) else ""
        return export(
            figure, "comparisons", f"Comparisons with intervals at the update of batch {shown[0].batch}", note
        )
