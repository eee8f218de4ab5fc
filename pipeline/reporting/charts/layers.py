"""Layers that charts are made of, and the charts over batches that most of them are."""

from collections.abc import Mapping, Sequence
from typing import Any

from pointsman.pipeline.reporting.charts.chart import Chart, Layer
from pointsman.pipeline.reporting.charts.colours import INK, MUTED, SERIES
from pointsman.pipeline.reporting.charts.theme import TICKS

SHARES = ".3~%"
"""Shares as percentages, with as many decimals as they need."""

NUMBERS = ",.4~r"
"""Numbers with four digits, thousands set apart."""

HEIGHT = 210
"""Pixels of a chart over batches."""

CLOSE = 40
"""Batches from which on their points touch."""

BATCH: dict[str, Any] = {
    "field": "batch",
    "type": "quantitative",
    "scale": {"domain": {"signal": "[first - 0.6, last + 0.6]"}, "nice": False, "zero": False},
    "axis": {
        "title": None,
        "grid": False,
        "tickMinStep": 1,
        "format": "d",
        "labelExpr": "[datum.label, months[datum.value] || '']",
        "labelOverlap": "greedy",
    },
}
"""The axis of batches, which ends where the reader's range does."""

IN_RANGE = {"filter": "datum.batch >= first && datum.batch <= last"}

_EVENTS: list[Layer] = [
    {
        "data": {"name": "events"},
        "mark": {"type": "rect", "color": MUTED, "opacity": 0.09, "clip": True},
        "encoding": {"x": BATCH | {"field": "left"}, "x2": {"field": "right"}},
    },
    {
        "data": {"name": "events"},
        "transform": [{"filter": "datum.left >= first - 0.6 && datum.left <= last + 0.6"}],
        "mark": {"type": "text", "align": "left", "baseline": "top", "dx": 3, "fontWeight": "bold", "color": MUTED},
        "encoding": {
            "x": BATCH | {"field": "left"},
            "y": {"value": 2},
            "text": {"field": "letter"},
            "tooltip": {"field": "name"},
        },
    },
]
"""The known events of the stream, behind everything else."""


def draw_by_batch(
    name: str,
    label: str,
    columns: Mapping[str, Sequence[Any]],
    layers: Sequence[Layer],
    *,
    title: str = "",
    note: str = "",
    wide: bool = True,
    **more: Any,
) -> Chart:
    """Return layers over batches; every layer reads its place from the column ``batch``."""
    drawn = [{**layer, "encoding": {"x": BATCH, **layer["encoding"]}} for layer in layers]
    spec = {"title": title, "width": "container", "height": HEIGHT, "transform": [IN_RANGE], **more}
    titles = {column: column.replace("_", " ") for column in columns}
    return Chart(name, spec | {"layer": [*_EVENTS, *drawn]}, columns, label, note, wide, titles)


def measure(field: str, title: str = "", form: str = NUMBERS, **scale: Any) -> dict[str, Any]:
    """Return the y axis of a layer: what it measures, headed by ``title``, its numbers written as ``form`` says."""
    axis = {"title": title or None, "format": form}
    return {
        "field": field,
        "type": "quantitative",
        "axis": axis,
        "scale": {"zero": False, "nice": TICKS, **scale},
        "stack": None,
    }


def tell(*fields: str | tuple[str, str] | tuple[str, str, str]) -> list[dict[str, Any]]:
    """Return what hovering tells: fields, or fields with their titles, or with their number formats as well."""
    told = []
    for one in fields:
        field, title, form = (one, one, "") if isinstance(one, str) else (*one, "")[:3]
        told.append({"field": field, "title": title} | ({"format": form, "type": "quantitative"} if form else {}))
    return told


def line(y: Mapping[str, Any], tooltip: Sequence[Any] = (), colour: Any = INK, **style: Any) -> Layer:
    """Return a line with its points; ``colour`` is one colour or an encoding, as ``colour_by`` makes."""
    encoding = {"y": y, "tooltip": tooltip or None}
    mark = {"type": "line", "point": {"size": 28, "filled": True}, **style}
    if mark["point"]:
        # Where batches lie close their points would hide the line.
        mark["point"] = {**mark["point"], "size": {"expr": f"last - first > {CLOSE} ? 7 : {mark['point']['size']}"}}
    if isinstance(colour, str):
        # Points take the colour of their line only where it is an encoding.
        point = mark["point"] and {**mark["point"], "color": colour}
        return {"mark": {**mark, "color": colour, "point": point}, "encoding": encoding}
    return {"mark": mark, "encoding": {**encoding, "color": colour}}


def bars(y: Mapping[str, Any], tooltip: Sequence[Any] = (), colour: Any = INK, until: str = "") -> Layer:
    """Return a bar a batch, from zero to ``y`` or between ``y`` and the column ``until``."""
    encoding: dict[str, Any] = {"x": BATCH | {"field": "left"}, "x2": {"field": "right"}, "y": y}
    encoding |= {"y2": {"field": until} if until else {"datum": 0}, "tooltip": tooltip or None}
    encoding |= {} if isinstance(colour, str) else {"color": colour}
    mark = {"type": "rect", "clip": True} | ({"color": colour} if isinstance(colour, str) else {})
    sides = [{"calculate": f"datum.batch {side} 0.4", "as": name} for side, name in (("-", "left"), ("+", "right"))]
    return {"transform": sides, "mark": mark, "encoding": encoding}


def band(low: Mapping[str, Any], high: str, colour: str, opacity: float = 0.18) -> Layer:
    """Return the area between two columns."""
    mark = {"type": "area", "color": colour, "opacity": opacity}
    return {"mark": mark, "encoding": {"y": low, "y2": {"field": high}}}


def level(at: float, y: Mapping[str, Any], **style: Any) -> Layer:
    """Return a line across the chart at one height."""
    scale = {name: part for name, part in y.items() if name in ("axis", "scale")}
    mark = {"type": "rule", "color": INK, "strokeDash": [3, 2], **style}
    return {"data": {"values": [{}]}, "mark": mark, "encoding": {"x": None, "y": {"datum": at, **scale}}}


def mark_zero(x: Mapping[str, Any]) -> Layer:
    """Return the upright line at zero of a ranking whose bars or intervals go both ways."""
    encoding = {"x": {"datum": 0, "type": "quantitative", **{name: x[name] for name in ("axis", "scale")}}, "y": None}
    return {"data": {"values": [{}]}, "mark": {"type": "rule", "color": INK}, "encoding": encoding}


def colour_by(field: str, names: Sequence[str], colours: Sequence[str] = SERIES) -> dict[str, Any]:
    """Return the colours of a column of names, with a legend in this order."""
    scale = {"domain": list(names), "range": [colours[place % len(colours)] for place in range(len(names))]}
    return {"field": field, "type": "nominal", "scale": scale, "legend": {"title": None}}


def draw_ranking(
    name: str,
    label: str,
    columns: Mapping[str, Sequence[Any]],
    x: Mapping[str, Any] | None = None,
    *,
    by: str,
    layers: Sequence[Layer] = (),
    colour: Any = SERIES[0],
    tooltip: Sequence[Any] = (),
    **more: Any,
) -> Chart:
    """Return one bar a row for the names in the column ``by``, in their order, or these layers in place of bars."""
    y = {"field": by, "type": "nominal", "sort": None, "axis": {"title": None, "domain": False}}
    own: dict[str, dict[str, Any]] = {
        "mark": {"type": "bar", "height": {"band": 0.7}},
        "encoding": {"x": x, "tooltip": tooltip or None},
    }
    if isinstance(colour, str):
        own["mark"] |= {"color": colour}
    else:
        own["encoding"] |= {"color": colour}
    drawn = [{**layer, "encoding": {"y": y, **layer["encoding"]}} for layer in layers or [own]]
    spec = {"width": "container", "height": {"step": 20}, **more}
    titles = {column: column.replace("_", " ") for column in columns}
    note = str(spec.pop("note", ""))
    return Chart(name, spec | {"layer": drawn}, columns, label, note, titles=titles)
