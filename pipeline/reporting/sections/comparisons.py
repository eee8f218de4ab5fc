"""Comparisons: each contender against the previous champion, with an interval."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pointsman.pipeline.reporting.charts.chart import Chart, Layer, to_columns
from pointsman.pipeline.reporting.charts.colours import GREEN, GREY, VERMILLION
from pointsman.pipeline.reporting.charts.layers import NUMBERS, colour_by, draw_ranking, mark_zero, measure, tell
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
    shown = every[-MOST_COMPARISONS:]
    bounded = [end for one in shown for end in (one.lower, one.upper, one.difference) if end is not None]
    reach = 1.05 * max(map(abs, bounded), default=1.0) or 1.0  # all may be alike to the last digit
    # An end without a bound runs to the edge of the chart.
    columns = to_columns(
        ("pair", "lower", "difference", "upper", "outcome"),
        [
            (
                f"{one.contender} – {one.incumbent}",
                -reach if one.lower is None else one.lower,
                one.difference,
                reach if one.upper is None else one.upper,
                one.outcome,
            )
            for one in shown
        ],
    )
    title = "mean row loss of the contender less that of the incumbent: left of 0 the contender is better"
    x = measure("difference", title, domain=[-reach, reach], nice=False)
    colour = colour_by("outcome", list(OUTCOMES), list(OUTCOMES.values()))
    told = tell(
        "pair",
        "outcome",
        *(("difference", "difference", NUMBERS), ("lower", "from", NUMBERS), ("upper", "to", NUMBERS)),
    )
    ends: Layer = {
        "mark": {"type": "rule", "strokeWidth": 2.5},
        "encoding": {"x": x | {"field": "lower"}, "x2": {"field": "upper"}, "color": colour, "tooltip": told},
    }
    point: Layer = {"mark": {"type": "point", "filled": True}, "encoding": {"x": x, "color": colour, "tooltip": told}}
    note = f"The last {len(shown)} of {len(every)} comparisons." if len(every) > len(shown) else ""
    label = f"Comparisons with intervals at the update of batch {newest}"
    return draw_ranking("comparisons", label, columns, by="pair", layers=[mark_zero(x), ends, point], note=note)


SECTION = Section("comparisons", reads=(comparisons_table,), figures={"comparisons": list_comparisons}, draw=draw)
