"""How all charts look: Vega-Lite's configuration, with the page's colours and its way of writing numbers."""

from typing import Any

from pointsman.pipeline.reporting.charts.colours import BLUE, INK, LINE, MUTED, SERIES

FONT = "inherit"

CONFIG: dict[str, Any] = {
    "aria": False,  # the figure itself says what it shows, and has its values as a table
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "domainColor": LINE,
        "gridColor": LINE,
        "tickColor": LINE,
        "labelColor": MUTED,
        "labelFontSize": 11,
        "labelLimit": 240,
        "titleColor": MUTED,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "axisY": {"domain": False, "ticks": False, "labelPadding": 6, "tickCount": 5},
    "legend": {"labelColor": INK, "labelFontSize": 11, "titleColor": MUTED, "symbolSize": 90, "symbolStrokeWidth": 2},
    "title": {"anchor": "start", "color": INK, "fontSize": 13, "fontWeight": 600, "offset": 8},
    "line": {"strokeWidth": 1.6, "strokeJoin": "round", "clip": True},
    "area": {"clip": True},
    "point": {"clip": True},
    "rule": {"clip": True, "color": INK},
    "bar": {"color": BLUE},
    "rect": {"color": BLUE},
    "text": {"color": INK, "fontSize": 11},
    "range": {"category": list(SERIES)},
    "locale": {
        "number": {
            "decimal": ".",
            "thousands": "\u202f",
            "grouping": [3],
            "currency": ["", ""],
            "percent": "\u00a0%",
            "minus": "\u2212",
        }
    },
}
