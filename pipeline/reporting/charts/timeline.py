"""The time axis that charts share: one place a batch, dates below, the stream's known events marked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pointsman.pipeline.collection.demo.schedule import SCHEDULE
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.reporting.charts.svg import CARD, INK, MUTED
from pointsman.pipeline.reporting.formats import MONTHS
from pointsman.pipeline.reporting.history import History, list_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BATCHES = 120
MOST_TICKS = 14
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Marker:
    """A known event of the stream, to be marked on charts over time; both days are included."""

    name: str
    start: date
    end: date
    description: str


@dataclass(frozen=True)
class Span:
    """Where a marker lies on the axis: the places of its first and last batch."""

    letter: str
    marker: Marker
    first: int
    last: int


@dataclass(frozen=True)
class Timeline:
    """The batches that charts show, oldest first, with their labels and the marked spans."""

    batches: tuple[int, ...]
    labels: tuple[str, ...]
    months: Mapping[int, str]
    spans: tuple[Span, ...]
    left_out: int

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def places(self) -> range:
        """The places on the axis, one a batch."""
        return range(len(self))

    @property
    def note(self) -> str:
        """What charts leave out, if anything."""
        return f"The newest {len(self)} batches; {self.left_out} older ones are left out." if self.left_out else ""

    def place(self, batch: int) -> int | None:
        """Return a batch's place on the axis, None where it is not shown."""
        return self.batches.index(batch) if batch in self.batches else None

    def spread(self, observed: Mapping[int, float | None]) -> np.ndarray:
        """Return one number a place (n_batches,), NaN where nothing was observed."""
        numbers = [observed.get(batch) for batch in self.batches]
        return np.array([np.nan if number is None else number for number in numbers], dtype=float)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The marked spans as charts have them: from ``left`` to ``right`` in batch numbers."""
        return [
            {
                "left": self.batches[span.first] - 0.5,
                "right": self.batches[span.last] + 0.5,
                "letter": span.letter,
                "name": span.marker.name,
            }
            for span in self.spans
        ]

    def decorate(self, axes: "Axes", letters: bool = True, labels: bool = True, shade: bool = True) -> None:
        """Put batches and dates on an axes' x axis, and mark the spans; call it once the title is set."""
        step = max(1, -(-len(self) // MOST_TICKS))
        places = range(len(self))[::-1][::step]  # the newest batch always has its label
        axes.set_xticks(list(places), [self.labels[place] for place in places] if labels else [""] * len(places))
        axes.set_xlim(-0.6, len(self) - 0.4)
        axes.grid(visible=False, axis="x")
        for span in self.spans:
            if shade:
                axes.axvspan(span.first - 0.5, span.last + 0.5, color=MUTED, alpha=0.08, linewidth=0, zorder=0)
            axes.axvline(span.first - 0.5, color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)), zorder=0.5)
            if letters:
                _write_letter(axes, span)

    def join_places(self, batches: Iterable[int]) -> list[tuple[float, float]]:
        """Return (left edge, width) of every run of neighbouring places that batches fill."""
        runs: list[tuple[float, float]] = []
        for place in sorted(place for batch in batches if (place := self.place(batch)) is not None):
            if runs and runs[-1][0] + runs[-1][1] == place - 0.5:
                runs[-1] = (runs[-1][0], runs[-1][1] + 1)
            else:
                runs.append((place - 0.5, 1.0))
        return runs


def _write_letter(axes: "Axes", span: Span) -> None:
    """Above the axes where there is room, and inside them where the title is."""
    above = not axes.get_title("left")
    behind = {"boxstyle": "round,pad=0.15", "facecolor": CARD, "alpha": 0.8, "linewidth": 0}
    axes.annotate(
        span.letter,
        (span.first - 0.5, 1),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        xytext=(0, 2) if above else (2.5, -2),
        ha="center" if above else "left",
        va="bottom" if above else "top",
        fontsize=7.5,
        fontweight="bold",
        color=INK,
        bbox=None if above else behind,
    )


def lay_timeline(history: History) -> Timeline:
    """Return the time axis of all batches; a marker that touches none of them is not on it."""
    every = list_rows(history.read(batches).sort_values("number"))
    shown = every[-MOST_BATCHES:]
    spans = []
    for letter, marker in zip(LETTERS, history.ask(list_markers), strict=False):
        touched = [place for place, batch in enumerate(shown) if _touches(batch["start"], batch["end"], marker)]
        if touched:
            spans.append(Span(letter, marker, touched[0], touched[-1]))
    return Timeline(
        batches=tuple(int(batch["number"]) for batch in shown),
        labels=tuple(f"{batch['number']}\n{_say_month(batch['end'])}" for batch in shown),
        months={int(batch["number"]): _say_month(batch["end"]) for batch in shown},
        spans=tuple(spans),
        left_out=len(every) - len(shown),
    )


def list_markers(history: History) -> tuple[Marker, ...]:
    """Return the published events of the demo stream; of another stream nothing is known beforehand."""
    if history.config.source.kind != "demo":
        return ()
    return tuple(Marker(event.name, event.start, event.end, event.description) for event in SCHEDULE)


def _touches(start: datetime | None, end: datetime | None, marker: Marker) -> bool:
    if pd.isna(start) or pd.isna(end):
        return False
    return start.date() <= marker.end and marker.start <= end.date()


def _say_month(moment: datetime | None) -> str:
    return "" if pd.isna(moment) else f"{MONTHS[moment.month - 1]} {moment.year % 100:02d}"
