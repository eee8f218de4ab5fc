"""Heat maps of columns by batches. Low cells are see-through, so that the page's theme shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointsman.pipeline.reporting.charts.chart import Chart, Layer, to_columns
from pointsman.pipeline.reporting.charts.layers import bars, draw_by_batch, tell
from pointsman.pipeline.reporting.charts.timeline import Timeline

ANNOTATED_BATCHES = 18
LONGEST_NAME = 26
MOST_COLUMNS = 25
"""Rows that a heat map has room for."""


@dataclass(frozen=True)
class ColumnShares:
    """A share by batch, of one column: a row of a heat map."""

    column: str
    shares: Mapping[int, float]


@dataclass(frozen=True)
class Scale:
    """How cells are shown: ``least`` gets no colour, ``most`` the full one; ``form`` is the format of their numbers."""

    label: str
    colour: str
    least: float
    most: float
    form: str


def draw_heatmap(
    name: str, label: str, rows: Sequence[ColumnShares], timeline: Timeline, scale: Scale, note: str
) -> Chart:
    """Draw a row for each column and a place for each batch; a place without a cell was not measured."""
    cells = [
        (batch, row.column, row.shares[batch]) for row in rows for batch in timeline.batches if batch in row.shares
    ]
    columns = to_columns(("batch", "column", "measured"), cells)
    axis = {"title": None, "ticks": False, "domain": False}
    y = {"field": "column", "type": "nominal", "sort": None, "axis": axis}
    faded = {"domain": [scale.least, scale.most], "range": [0, 0.9], "clamp": True}
    told = tell("column", "batch", ("measured", scale.label, scale.form))
    tiles = bars(y, told, scale.colour)
    encoding = {channel: part for channel, part in tiles["encoding"].items() if channel != "y2"}
    encoding["opacity"] = {"field": "measured", "type": "quantitative", "scale": faded, "legend": None}
    layers: list[Layer] = [{**tiles, "encoding": encoding}]
    numbers: Layer = {
        "transform": [{"filter": f"last - first < {ANNOTATED_BATCHES} && datum.measured > 0"}],
        "mark": {"type": "text", "fontSize": 10, "clip": True},
        "encoding": {"y": y, "text": {"field": "measured", "type": "quantitative", "format": scale.form}},
    }
    return draw_by_batch(name, label, columns, [*layers, numbers], note=note, height={"step": 18})


def shorten(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name that fits beside a chart.

    >>> shorten("CARRYING_CAPACITY"), shorten("the_area_under_the_roof_in_square_metres")
    ('CARRYING_CAPACITY', 'the_area_under_the_roof_i…')
    """
    return name if len(name) <= longest else name[: longest - 1] + "…"
