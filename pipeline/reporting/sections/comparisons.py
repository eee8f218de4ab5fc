"""Comparisons: each contender against the previous champion, with an interval."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pointsman.pipeline.reporting.charts.heatmap import shorten
from pointsman.pipeline.reporting.charts.svg import FULL, GREEN, GREY, INK, VERMILLION, Chart, export, sheet
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.validation.tables import comparisons_table

MOST_COMPARISONS = 16
OUTCOMES = {"better": GREEN, "worse": VERMILLION, "undecided": GREY}
UNBOUNDED = 1e299
"""Interval ends beyond this stand for an interval without bounds."""


@dataclass(frozen=True)
class ComparisonFigures:
    """Mean row loss of a contender less that of an incumbent; an end without a bound is None."""

    batch: int
    contender: str
    incumbent: str
    difference: float
    lower: float | None
    upper: float | None
    rows: int
    outcome: str


def list_comparisons(history: History) -> tuple[ComparisonFigures, ...]:
    """Return every comparison, oldest batch first."""
    rows = list_rows(history.read(comparisons_table).sort_values("batch", kind="stable"))
    return tuple(
        read_record(ComparisonFigures, row, lower=_bound(row["lower"]), upper=_bound(row["upper"])) for row in rows
    )


def _bound(end: float) -> float | None:
    return None if abs(end) > UNBOUNDED else float(end)


def draw(history: History) -> Iterator[Chart]:
    """Yield the chart of the newest comparisons, where there are any."""
    comparisons = history.ask(list_comparisons)
    if comparisons:
        yield draw_comparisons(comparisons)


def draw_comparisons(comparisons: Sequence[ComparisonFigures]) -> Chart:
    """Draw the newest update's comparisons, each with its interval."""
    newest = max(comparison.batch for comparison in comparisons)
    every = [comparison for comparison in comparisons if comparison.batch == newest]
    shown = every[-MOST_COMPARISONS:][::-1]
    with sheet(FULL, 0.9 + 0.22 * len(shown)) as figure:
        axes = figure.subplots()
        bounded = [end for one in shown for end in (one.lower, one.upper, one.difference) if end is not None]
        reach = 1.05 * max(map(abs, bounded), default=1.0) or 1.0  # all may be alike to the last digit
        for row, one in enumerate(shown):
            colour = OUTCOMES.get(one.outcome, GREY)
            # An end without a bound runs to the edge of the chart.
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


SECTION = Section("comparisons", reads=(comparisons_table,), figures={"comparisons": list_comparisons}, draw=draw)
