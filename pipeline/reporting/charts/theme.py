"""How all charts look: Vega-Lite's configuration, with the page's colours and its way of writing numbers;
its font, and how much of a name fits beside a chart, are known where it is drawn."""

from typing import Any

from pointsman.pipeline.reporting.charts.colours import BLUE, INK, LINE, MUTED, SERIES

TICKS = 5
"""Numbers beside a chart, about; its axis ends at one of them."""

CONFIG: dict[str, Any] = {
    "aria": False,  # the figure itself says what it shows, and has its values as a table
    "background": None,
    "view": {"stroke": None},
    "axis": {"domainColor": LINE, "gridColor": LINE, "tickColor": LINE, "labelColor": MUTED, "labelFontSize": 12},
    "axisY": {"domain": False, "ticks": False, "labelPadding": 6, "tickCount": TICKS},
    "axisXQuantitative": {"tickCount": {"expr": "width / 72"}, "labelOverlap": "greedy"},
    "line": {"strokeWidth": 1.6, "strokeJoin": "round", "clip": True},
    "area": {"clip": True},
    "point": {"clip": True},
    "rule": {"clip": True, "color": INK},
    "bar": {"color": BLUE},
    "rect": {"color": BLUE},
    "text": {"color": INK, "fontSize": 12},
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
