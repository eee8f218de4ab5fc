"""Performance without labels: what was estimated, what labels showed, and what is expected of requests still open."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from pointsman.meta.tables import estimates_table
from pointsman.pipeline.reporting.charts.chart import Chart, Layer, to_columns
from pointsman.pipeline.reporting.charts.colours import BLUE, INK, VERMILLION
from pointsman.pipeline.reporting.charts.layers import NUMBERS, band, draw_by_batch, line, measure, tell
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.names import name_metric
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.sections.regrets import read_regrets
from pointsman.pipeline.reporting.sections.requests import read_decisions

CHOSEN, ALONE, REQUESTS = "what was chosen", "production and the champions", "requests"
STORED_CHOSEN = "plan"
"""Under which answerer estimates of what was chosen are stored."""
MOST_OPEN = 10


WORDS = {"estimated": "estimated", "lower": "from", "upper": "to", "realised": "labels showed"}
"""What the chart calls the numbers of an estimate."""


@dataclass(frozen=True)
class EstimateFigures:
    """An estimate of a batch by what was chosen for it, made before anyone learned it, and what its labels showed."""

    batch: int
    measure: str
    rows: int
    estimated: float
    lower: float
    upper: float
    realised: float
    covered: bool


@dataclass(frozen=True)
class EstimateGrade:
    """How good estimates were: ``error`` is their mean absolute error, ``level`` the mean of what was to be estimated.

    of: what was chosen on batches, each model that serves by itself on batches, or requests whose labels came
    """

    of: str
    measure: str
    estimates: int
    level: float
    error: float
    coverage: float


@dataclass(frozen=True)
class OpenEstimate:
    """A measure of a request whose labels have not come; without numbers where ``reason`` says why."""

    decision: str
    name: str
    answered_at: datetime
    rows: int
    measure: str | None
    estimated: float | None
    lower: float | None
    upper: float | None
    reason: str


@dataclass(frozen=True)
class UnlabelledFigures:
    """Every estimate of a batch by what was chosen, oldest first, grades, and the newest open requests."""

    batches: tuple[EstimateFigures, ...]
    grades: tuple[EstimateGrade, ...]
    open: tuple[OpenEstimate, ...]


def read_estimates(history: History) -> pd.DataFrame:
    """Return the newest estimates, graded by corrected labels where there are some."""
    return history.read_corrected(estimates_table.c.batch)


def compute_estimates(history: History) -> UnlabelledFigures:
    """Return the estimates and their grades."""
    table = history.ask(read_estimates).sort_values(["batch", "measure"])
    of_batch, of_chosen = table["request"] == "", table["answerer"] == STORED_CHOSEN
    groups = {CHOSEN: table[of_batch & of_chosen], ALONE: table[of_batch & ~of_chosen], REQUESTS: table[~of_batch]}
    return UnlabelledFigures(
        batches=tuple(read_record(EstimateFigures, row) for row in list_rows(groups[CHOSEN])),
        grades=tuple(
            _grade(of, str(measure), known) for of, rows in groups.items() for measure, known in rows.groupby("measure")
        ),
        open=_list_open(history),
    )


def _grade(of: str, measure: str, known: pd.DataFrame) -> EstimateGrade:
    error = float(np.abs(known["estimated"] - known["realised"]).mean())
    return EstimateGrade(
        of, measure, len(known), float(known["realised"].mean()), error, float(known["covered"].astype(float).mean())
    )


def _list_open(history: History) -> tuple[OpenEstimate, ...]:
    decisions = history.ask(read_decisions)
    labelled = set(history.ask(read_estimates)["request"]) | set(history.ask(read_regrets)["decision"])
    waiting = decisions[~decisions["id"].isin(labelled)]
    newest = waiting.sort_values(["created_at", "id"], ascending=False).head(MOST_OPEN)
    found: list[OpenEstimate] = []
    for row in list_rows(newest):
        if not isinstance(row["estimate"], Mapping):  # answered by a version that estimated nothing
            continue
        known = (row["id"], row["request"], row["created_at"].to_pydatetime(), int(row["rows"]))
        measures = row["estimate"]["measures"]
        found += [
            OpenEstimate(*known, measure, one["estimated"], one["lower"], one["upper"], "")
            for measure, one in measures.items()
        ]
        if not measures:
            found.append(OpenEstimate(*known, None, None, None, None, row["estimate"]["reason"]))
    return tuple(found)


def draw(history: History) -> Iterator[Chart]:
    """Yield a chart for each measure that was estimated."""
    estimates = history.ask(compute_estimates).batches
    for name in dict.fromkeys(one.measure for one in estimates):
        yield draw_estimates(name, [one for one in estimates if one.measure == name], history.ask(lay_timeline))


def draw_estimates(name: str, estimates: Sequence[EstimateFigures], timeline: Timeline) -> Chart:
    """Draw the estimated worth of what was chosen on each batch, its interval, and what labels showed."""
    shown = [one for one in estimates if one.batch in timeline]
    columns = to_columns(
        ("batch", "estimated", "lower", "upper", "realised", "verdict"),
        [
            (one.batch, one.estimated, one.lower, one.upper, one.realised, "inside" if one.covered else "outside")
            for one in shown
        ],
    )
    numbers = [(each, words, NUMBERS) for each, words in WORDS.items()]
    told, y = tell("batch", *numbers), measure("estimated", name_metric(name))
    # A batch without neighbours has no area to fill; its interval shows as a line.
    interval: Layer = {
        "mark": {"type": "rule", "color": BLUE, "opacity": 0.35},
        "encoding": {"y": y | {"field": "lower"}, "y2": {"field": "upper"}, "tooltip": told},
    }
    missed: Layer = {
        "transform": [{"filter": "datum.verdict === 'outside'"}],
        "mark": {"type": "point", "filled": True, "color": VERMILLION, "size": 90},
        "encoding": {"y": y | {"field": "realised"}, "tooltip": told},
    }
    layers = [
        band(y | {"field": "lower"}, "upper", BLUE),
        interval,
        line(y, told, BLUE),
        line(y | {"field": "realised"}, told, INK),
        missed,
    ]
    return draw_by_batch(
        f"estimates-{name.replace('_', '-')}",
        f"Estimated {name_metric(name)} of what was chosen on every batch, its interval, and what labels showed",
        columns,
        layers,
        title=f"{name_metric(name)} of what was chosen: blue is estimated without labels, dark is what labels showed",
        note=f"The interval holds nine times of ten; a red dot lies outside. {timeline.note}".strip(),
    )


SECTION = Section(
    "estimates",
    reads=(read_estimates, read_decisions, read_regrets),
    figures={"estimates": compute_estimates},
    draw=draw,
)
