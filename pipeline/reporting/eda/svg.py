"""Charts as inline SVG: drawn off screen by matplotlib, coloured by the page's own light or dark theme."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

FULL = 10.0
"""Inches of a chart's width. The page shows it at about 1.4 times its size in points."""

INK, MUTED, LINE, CARD = "#1c2733", "#5d6875", "#d5dbe1", "#fefefe"
BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#aa4499"
AMBER, SKY, OLIVE, GREY = "#b8860b", "#3a9bdc", "#6b7a1f", "#8a95a1"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, AMBER, SKY, OLIVE, GREY)
"""Distinguishable with every common colour blindness (after Okabe & Ito 2008), darkened for thin lines."""

_THEME = {
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    CARD: "card",
    BLUE: "blue",
    VERMILLION: "vermillion",
    GREEN: "green",
    PURPLE: "purple",
    AMBER: "amber",
    SKY: "sky",
    OLIVE: "olive",
    GREY: "grey",
    "#333333": "ink",
    "#000000": "ink",
    "#999999": "muted",
    "#cccccc": "line",
}

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "switchyard",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "figure.dpi": 72,
}


@dataclass(frozen=True)
class Chart:
    """An SVG for the page: ``label`` says in a sentence what it shows, ``note`` what it leaves out, if anything."""

    name: str
    svg: str
    label: str
    note: str = ""
    wide: bool = True


@contextmanager
def sheet(width: float, height: float) -> Iterator["Figure"]:
    """Yield an empty figure, in inches, in the report's style; draw and ``export`` it inside the block."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def export(figure: "Figure", name: str, label: str, note: str = "") -> Chart:
    """Return a figure as a chart. The same drawing gives the same text, whenever and wherever it is drawn."""
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing, transparent=True, dpi=150)
    wide = figure.get_size_inches()[0] > FULL / 2
    return Chart(name, tidy_svg(buffer.getvalue().decode(), name, label), label, note, wide)


def label_numbers(axis: "Axis") -> None:
    """Write an axis' numbers as the page does: thousands set apart by thin spaces."""

    def write(number: float, _place: float) -> str:
        text = f"{number:,.6g}".replace("-", "−")
        return text.replace(",", "" if abs(number) < 10_000 else "\u202f")

    axis.set_major_formatter(write)


def tidy_svg(svg: str, name: str, label: str) -> str:
    """Return matplotlib's SVG file as an element for the page: its own ids, the page's font and colours, less text."""
    from html import escape

    view = re.search(r'viewBox="([^"]+)"', svg)
    assert view is not None
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>|<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.S)
    body = body.replace("xlink:href", "href")
    body = _rename_ids(body, name)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", body)
    body = re.sub(r"#[0-9a-f]{6}\b", _to_theme, body)
    body = re.sub(r"<[^>]+>", _shorten_coordinates, body)
    body = re.sub(r"\s*\n\s*", "\n", body)
    return f'<svg viewBox="{view[1]}" role="img" aria-label="{escape(label)}">{body}</svg>'


def _rename_ids(body: str, name: str) -> str:
    """Keep the ids that something refers to, prefixed by the chart's name: ids are unique on the whole page."""
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', body))

    def rename(found: re.Match[str]) -> str:
        return f' id="{name}-{found[1]}"' if found[1] in used else ""

    body = re.sub(r' id="([^"]+)"', rename, body)
    return re.sub(r'(href="#|url\(#)([^")]+)', rf"\1{name}-\2", body)


def _shorten_coordinates(tag: re.Match[str]) -> str:
    """Two decimals of a point are finer than any screen; numbers between tags are text, which stays as it is."""
    return re.sub(r"(\d+\.\d\d)\d+", r"\1", tag[0])


def _to_theme(found: re.Match[str]) -> str:
    return f"var(--{_THEME[found[0]]})" if found[0] in _THEME else found[0]
