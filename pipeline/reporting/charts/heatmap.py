"""Heat maps of columns by batches. Low cells are see-through, so that the page's theme shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pointsman.pipeline.reporting.charts.svg import FULL, GREY, Chart, export, sheet
from pointsman.pipeline.reporting.charts.timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

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
    """How cells are shown: ``least`` gets no colour, ``most`` the full one, and ``say`` puts one into words."""

    label: str
    colour: str
    least: float
    most: float
    say: Callable[[float], str]


def draw_heatmap(
    name: str, label: str, rows: Sequence[ColumnShares], timeline: Timeline, scale: Scale, note: str
) -> Chart:
    """Draw a row for each column and a place for each batch."""
    from matplotlib.colors import Normalize

    grid = np.array([timeline.spread(row.shares) for row in rows])
    height = 1.0 + 0.19 * len(rows)
    with sheet(FULL, height) as figure:
        axes = figure.subplots()
        norm = Normalize(scale.least, scale.most, clip=True)
        image = axes.imshow(grid, cmap=_fade(scale.colour), norm=norm, aspect="auto", interpolation="nearest")
        axes.set_yticks(range(len(rows)), [shorten(row.column) for row in rows])
        timeline.decorate(axes, shade=False)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        if len(timeline) <= ANNOTATED_BATCHES:
            for (row, column), cell in np.ndenumerate(grid):
                if np.isfinite(cell):
                    axes.text(column, row, scale.say(cell), ha="center", va="center", fontsize=7)
        bar = figure.colorbar(image, ax=axes, shrink=min(1.0, 2.2 / height), pad=0.01, aspect=14)
        bar.set_label(scale.label)
        bar.outline.set_visible(False)
        return export(figure, name, label, note)


def shorten(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name that fits beside a chart.

    >>> shorten("CARRYING_CAPACITY"), shorten("the_area_under_the_roof_in_square_metres")
    ('CARRYING_CAPACITY', 'the_area_under_the_roof_i…')
    """
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _fade(colour: str) -> "Colormap":
    """Return a colormap from transparent to the full colour; what was not measured is a grey veil."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    red, green, blue = to_rgb(colour)
    stops = [(red, green, blue, strength) for strength in (0.0, 0.3, 0.6, 0.95)]
    colours = LinearSegmentedColormap.from_list("fade", stops)
    return colours.with_extremes(bad=(*to_rgb(GREY), 0.25))
